"""manage.py export_model as people type it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from classifier.artifact_storage import save_artifact_folder
from classifier.classifiers import create_classifier
from classifier.model_registry import promote, register_version
from classifier.models import Classifier
from classifier.promotions import find_model_version
from ml.artifact import read_manifest
from ml.export_formats import ExportFormat
from ml.preprocessing import Preprocessing
from tasks.importing import import_pictures
from tasks.model_exporting import choose_pictures
from tests.dataset_makers import write_halves
from tests.ml.conftest import tiny_artifact  # noqa: F401 - the fixture
from webapp.management.commands.export_model import FORMATS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Path, rings: list[str]) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.MODEL_CACHE_DIR = tmp_path / "var" / "models"


@pytest.fixture
def tiny(tiny_artifact: Path) -> Classifier:  # noqa: F811 - the fixture
    """A classifier whose live version is a real network that knows two labels."""
    labels = read_manifest(tiny_artifact).labels
    classifier = create_classifier(slug="tiny", name="Tiny", labels=labels)
    manifest = json.loads((tiny_artifact / "manifest.json").read_text())
    digest = save_artifact_folder(tiny_artifact)
    promote(
        version=register_version(classifier=classifier, digest=digest, manifest=manifest, metrics={}), reason="test"
    )
    return classifier


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_offers_every_format() -> None:
    assert set(FORMATS) == set(ExportFormat)


def test_it_says_where_the_model_is_and_how_it_compares(tiny: Classifier, tmp_path: Path) -> None:
    out = run("export_model", "tiny", "--format", "litert", str(tmp_path / "out"))
    assert "out/model.tflite" in out
    assert "the same label for 100.0%" in out
    described = json.loads((tmp_path / "out" / "model.json").read_text())
    assert (described["classifier"], described["version"]) == ("tiny", 1)


def test_it_compares_on_holdout_pictures_where_there_are_some(
    tiny: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_pictures(
        name="halves", place=str(write_halves(tmp_path / "halves", train=40, test=30)), classifier_slug="tiny"
    )
    monkeypatch.setattr("tasks.model_exporting.MOST_PICTURES", 10)
    assert "Compared on 10 pictures" in run("export_model", "tiny", "--format", "savedmodel", str(tmp_path / "out"))
    version = find_model_version(classifier=tiny, name="1")
    chosen = choose_pictures(version, Preprocessing("grey_bright_on_dark", 8, 8, 1))
    assert chosen is not None
    assert len(np.unique(chosen, axis=0)) == 10


def test_an_existing_place_is_refused_and_left_alone(tiny: Classifier, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(CommandError, match="exists already"):
        run("export_model", "tiny", "--format", "savedmodel", str(tmp_path / "out"))


def test_an_unknown_version_is_a_sentence(tiny: Classifier, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="has no version 7"):
        run("export_model", "tiny", "--format", "litert", "--model", "7", str(tmp_path / "out"))
