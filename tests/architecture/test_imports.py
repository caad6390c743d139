"""The table of the floors: who may import whom, and what may only be imported late."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.imports import FLOORS, Import, loads_tensors, read_floor, tensor_bearing

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "webapp": {"webapp", "tasks", "classifier"},
    "tasks": {"tasks", "classifier", "ml"},
    "classifier": {"classifier"},
    "ml": {"ml"},
}
# Frameworks of the edges and of the queue, which the lower floors must not know.
FOREIGN = {
    "ml": {"django", "celery", "kombu", "channels", "ninja", "redis", "storages"},
    "classifier": {"numpy", "ninja", "uvicorn"},
    "webapp": {"numpy"},
}


def all_imports(root: Path = ROOT) -> list[Import]:
    return [found for floor in FLOORS for found in read_floor(root, floor)]


def breaches(imports: list[Import], root: Path = ROOT) -> list[str]:
    """Every import that the table forbids, as sentences."""
    bearing = tensor_bearing(root, imports)
    return [f"{found.place}: {rule}" for found in imports if (rule := _rule_broken(found, bearing))]


def _rule_broken(found: Import, bearing: set[str]) -> str:
    floor = found.importer.partition(".")[0]
    late_only_command = floor == "webapp" and found.package == "ml" and _is_command(found.importer)
    if found.star:
        return "no star imports"
    if found.package in FLOORS and found.package not in MAY_IMPORT[floor] and not late_only_command:
        return f"{floor} may not import {found.package}"
    if late_only_command and not (found.late or found.typing_only):
        return "commands import ml inside the function that needs it"
    if found.package in FOREIGN.get(floor, ()):
        return f"{floor} does not know {found.package}"
    may_load_tensors = floor == "ml" or found.typing_only or (found.late and floor != "classifier")
    if not may_load_tensors and loads_tensors(found.module, bearing):
        return "TensorFlow is loaded inside the function that needs it, and never by classifier"
    if found.late and not found.typing_only and not found.explained:
        return "a late import says its reason on the line"
    return ""


def _is_command(module: str) -> bool:
    return module.startswith("webapp.management.commands.")


def test_every_import_of_the_project_follows_the_table() -> None:
    assert breaches(all_imports()) == []


def test_each_floor_has_been_read() -> None:
    importers = {found.importer for found in all_imports()}
    assert {"classifier.uploads", "webapp.api.images", "tasks.drain", "ml.inference"} <= importers


def test_tensorflow_bearing_modules_are_found_through_others() -> None:
    bearing = tensor_bearing(ROOT, all_imports())
    assert {"ml.training", "ml.inference", "ml.networks"} <= bearing
    assert not bearing & {"ml", "ml.data_types", "ml.images", "ml.artifact"}


SOURCES = {
    "a lower floor that looks up": ("classifier/rows.py", "import webapp.urls", "classifier may not import webapp"),
    "floors side by side": ("classifier/rows.py", "from ml import images", "classifier may not import ml"),
    "a floor named in a type": (
        "ml/rows.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from classifier import rows",
        "ml may not import classifier",
    ),
    "Django in ml": ("ml/rows.py", "from django.conf import settings", "ml does not know django"),
    "numpy in the web process": ("webapp/rows.py", "import numpy", "webapp does not know numpy"),
    "a page that knows ml": (
        "webapp/views/page.py",
        "def show():\n    from ml import images  # loads much memory",
        "webapp may not import ml",
    ),
    "a command that loads ml at once": (
        "webapp/management/commands/go.py",
        "from ml import images",
        "commands import ml inside",
    ),
    "a star": ("tasks/rows.py", "from classifier.rows import *", "no star imports"),
    "TensorFlow by name": ("tasks/rows.py", "import keras.layers", "TensorFlow is loaded inside"),
    "TensorFlow behind two modules": ("tasks/rows.py", "from ml.outer import train", "TensorFlow is loaded inside"),
    "TensorFlow within classifier": (
        "classifier/rows.py",
        "def train():\n    import tensorflow  # much too large here",
        "TensorFlow is loaded inside",
    ),
    "a late import without a word": (
        "tasks/rows.py",
        "def train():\n    from ml.outer import train  # noqa: PLC0415",
        "says its reason",
    ),
    "a relative import upwards": ("classifier/sub/rows.py", "from ...webapp import urls", "classifier may not import"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_breach_is_found(case: str, tmp_path: Path) -> None:
    path, source, sentence = SOURCES[case]
    make_tree(tmp_path, {path: source})
    [breach] = breaches(all_imports(tmp_path), tmp_path)
    assert sentence in breach


def test_what_the_table_allows_passes(tmp_path: Path) -> None:
    late = "def go():\n    from ml.outer import train  # loads TensorFlow only when a training starts"
    make_tree(
        tmp_path,
        {
            "webapp/rows.py": "from tasks import rows\nfrom classifier import rows as more",
            "tasks/rows.py": f"from ml.images import prepare\n{late}",
            "webapp/management/commands/go.py": late,
        },
    )
    assert breaches(all_imports(tmp_path), tmp_path) == []


def make_tree(root: Path, sources: dict[str, str]) -> None:
    """A small project: `ml.outer` loads TensorFlow through `ml.inner`, `ml.images` does not."""
    ground = {
        **{f"{floor}/__init__.py": "" for floor in FLOORS},
        "ml/images.py": "import numpy",
        "ml/inner.py": "import tensorflow as tf",
        "ml/outer.py": "from ml.inner import network",
        "classifier/rows.py": "",
    }
    for name, source in {**ground, **sources}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
