"""The Kubernetes manifests follow the published schemas, and name only what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "docker" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
# The oldest release that its makers still mend, and the newest that the schemas know.
RELEASES = ["1.33", kubernetes_validate.latest_version()]


def manifests() -> list[dict[str, Any]]:
    return [
        document
        for name in KUSTOMIZATION["resources"]
        for document in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
    ]


def pods() -> dict[str, dict[str, Any]]:
    """Name of what makes them → how its pods look."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests()
        if each["kind"] in {"Deployment", "Job"}
    }


def settings(name: str) -> list[str]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[0] for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("release", RELEASES)
def test_every_manifest_follows_the_published_schema(release: str) -> None:
    for manifest in manifests():
        kubernetes_validate.validate(manifest, release, strict=True)


def test_a_mistyped_field_is_noticed() -> None:
    broken = {**manifests()[0], "metadata": {"name": 5}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, RELEASES[-1], strict=True)


def test_every_file_of_the_folder_is_used() -> None:
    used = {*KUSTOMIZATION["resources"], "kustomization.yaml"}
    assert {path.name for path in FOLDER.glob("*.yaml")} == used


def test_every_part_of_the_product_runs() -> None:
    assert set(pods()) == {"prepare", "web", "gpu", "train", "default", "beat", "gateway"}


def test_images_and_commands_exist() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    targets = {f"whatsit-{name}" for name in re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE)}
    known = {image["name"] for image in KUSTOMIZATION["images"]}
    assert known <= targets
    for pod in pods().values():
        for container in pod["containers"]:
            assert container["image"] in known
            assert (ROOT / container["command"][0]).is_file()


def test_settings_have_the_names_of_the_example() -> None:
    example = (ROOT / "docker" / "env.example").read_text(encoding="utf-8")
    known = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert {*settings("settings.env"), *settings("secrets.example.env")} <= known


def test_no_secret_stands_among_the_settings() -> None:
    assert not set(settings("settings.env")) & set(settings("secrets.example.env"))
    assert "docker/kubernetes/secrets.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_no_container_may_do_more_than_it_needs() -> None:
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            allowed = container["securityContext"]
            assert allowed["readOnlyRootFilesystem"] is True, name
            assert allowed["allowPrivilegeEscalation"] is False, name
            assert allowed["capabilities"] == {"drop": ["ALL"]}, name
            assert "memory" in container["resources"]["limits"], name


def test_there_is_one_clock() -> None:
    [beat] = [each for each in manifests() if each["metadata"]["name"] == "beat"]
    assert beat["spec"]["replicas"] == 1
    assert beat["spec"]["strategy"] == {"type": "Recreate"}


def test_gpu_workers_follow_the_age_of_the_queue() -> None:
    metrics = (ROOT / "webapp" / "metrics.py").read_text(encoding="utf-8")
    [scaler] = [
        each
        for each in manifests()
        if each["kind"] == "HorizontalPodAutoscaler" and each["spec"]["scaleTargetRef"]["name"] == "gpu"
    ]
    [metric] = scaler["spec"]["metrics"]
    assert f'"{metric["external"]["metric"]["name"]}"' in metrics
