"""compose.yaml names only what exists: images to build, commands, files and variables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKER = ROOT / "docker"
FILES = ["compose.yaml", "compose.gpu.yaml"]
SECRETS = {"SECRET_KEY": "a", "POSTGRES_PASSWORD": "b", "REDIS_PASSWORD": "c", "AWS_SECRET_ACCESS_KEY": "d"}
PARTS = {"web", "gpu", "train", "default", "beat", "gateway"}


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / name).read_text(encoding="utf-8")))


def services() -> dict[str, Any]:
    return dict(read("compose.yaml")["services"])


def targets() -> set[str]:
    return set(re.findall(r"^FROM \S+ AS (\S+)", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="needs docker-compose: apt-get install docker-compose")
@pytest.mark.parametrize("names", [FILES[:1], FILES])
def test_docker_compose_accepts_the_files(names: list[str], tmp_path: Path) -> None:
    for name in names:
        shutil.copy(DOCKER / name, tmp_path / name)
    example = (DOCKER / "env.example").read_text(encoding="utf-8")
    filled = re.sub(r"^([A-Z_]+)=$", lambda found: f"{found[1]}={SECRETS[found[1]]}", example, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(filled)
    words = [word for name in names for word in ("-f", str(tmp_path / name))]
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    finished = subprocess.run(
        ["docker-compose", *words, "config"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    shown = yaml.safe_load(finished.stdout)["services"]
    assert shown["web"]["environment"]["DATABASE_URL"] == "postgres://whatsit:b@database:5432/whatsit"
    assert shown["gpu"]["image"] == ("whatsit-worker-gpu" if len(names) == 2 else "whatsit-worker")


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="needs docker-compose: apt-get install docker-compose")
def test_an_empty_secret_stops_with_the_name_of_the_variable(tmp_path: Path) -> None:
    shutil.copy(DOCKER / "compose.yaml", tmp_path)
    shutil.copy(DOCKER / "env.example", tmp_path / ".env")
    finished = subprocess.run(
        ["docker-compose", "-f", str(tmp_path / "compose.yaml"), "config"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert "PASSWORD into docker/.env" in finished.stderr


def test_all_parts_and_their_stores_are_there() -> None:
    assert set(services()) == PARTS | {"prepare", "proxy", "database", "redis", "store"}


@pytest.mark.parametrize("name", FILES)
def test_every_build_names_a_target_of_the_dockerfile(name: str) -> None:
    builds = [service["build"] for service in read(name)["services"].values() if "build" in service]
    assert builds
    for build in builds:
        assert build["target"] in targets()
        assert (DOCKER / build["context"] / build["dockerfile"]).resolve() == DOCKER / "Dockerfile"


def test_every_command_of_ours_is_an_executable_file_of_the_image() -> None:
    copied = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    for name in PARTS | {"prepare"}:
        program = services()[name]["command"][0]
        assert os.access(ROOT / program, os.X_OK), program
        assert program in copied


def test_the_three_workers_serve_the_three_queues() -> None:
    for queue in ("gpu", "train", "default"):
        assert services()[queue]["command"] == ["docker/start-worker", queue]


def test_foreign_images_are_pinned_to_one_version() -> None:
    foreign = [service["image"] for service in services().values() if "build" not in service]
    assert len(foreign) == 4
    for image in foreign:
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", image), image


def test_only_the_proxy_is_reachable_and_only_from_this_machine() -> None:
    open_ports = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert open_ports == {"proxy": ["127.0.0.1:${PUBLIC_PORT:-8080}:8080"]}


def test_the_trusted_proxy_is_the_proxy() -> None:
    address = services()["proxy"]["networks"]["inside"]["ipv4_address"]
    assert services()["web"]["environment"]["TRUSTED_PROXIES"] == address


def test_our_containers_have_no_rights_they_do_not_need() -> None:
    for name in PARTS | {"prepare"}:
        service = services()[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_what_must_last_lies_in_a_volume() -> None:
    declared = set(read("compose.yaml")["volumes"])
    used = {
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert used == declared == {"database", "store", "work"}


def test_files_mounted_from_beside_the_compose_file_exist() -> None:
    for service in services().values():
        for volume in service.get("volumes", []):
            if volume.startswith("."):
                assert (DOCKER / volume.split(":")[0]).exists()
