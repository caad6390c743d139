"""T33: corrupt and hostile models are refused with a sentence, by the trial and by the worker; the old one answers."""

from __future__ import annotations

import resource
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from classifier.artifact_storage import save_artifact_folder
from classifier.classifiers import create_classifier
from classifier.errors import Refused
from classifier.model_registry import register_version
from classifier.models import ModelVersion
from tasks.loaded_models import LoadedModels, ModelUnavailable
from tasks.proving import prove_version
from tests.faults.hostile_models import HOSTILE, LABELS, register_hostile
from tests.ml.conftest import tiny_artifact  # noqa: F401 - a fixture, used by its name

pytestmark = [pytest.mark.django_db, pytest.mark.faults, pytest.mark.usefixtures("rings")]
MEGABYTE = 1 << 20


@pytest.fixture
def artifact(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Path:
    settings.MODEL_CACHE_DIR = tmp_path / "cache"
    found: Path = request.getfixturevalue("tiny_artifact")
    return found


@pytest.fixture
def good(artifact: Path) -> ModelVersion:
    classifier = create_classifier(slug="halves", labels=LABELS)
    digest = save_artifact_folder(artifact)
    return register_version(classifier=classifier, digest=digest, manifest={"labels": LABELS}, metrics={})


def test_the_good_model_that_the_others_were_made_from_is_proved(good: ModelVersion) -> None:
    assert "16 test pictures as in training" in prove_version(good)


@pytest.mark.parametrize("name", HOSTILE)
def test_t33_it_is_refused_and_the_old_one_stays(
    name: str, good: ModelVersion, artifact: Path, tmp_path: Path, settings: Any
) -> None:
    models = LoadedModels(settings.MODEL_CACHE_DIR, memory_bytes=10**9)
    old = models.get(good.id)
    version = register_hostile(artifact, tmp_path / "hostile", name, "halves")
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(Refused, match=HOSTILE[name][1]) as refused:
        prove_version(version)
    assert time.monotonic() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * MEGABYTE / 1024
    assert refused.value.message.startswith("v2 cannot go live: ")
    assert str(tmp_path) not in refused.value.message
    with pytest.raises(ModelUnavailable):
        models.get(version.id)
    assert models.get(good.id) is old


def test_t33_our_own_verb_stores_no_folder_that_contradicts_its_manifest(artifact: Path, tmp_path: Path) -> None:
    shutil.copytree(artifact, tmp_path / "copy")
    HOSTILE["a changed byte"][0](tmp_path / "copy")
    with pytest.raises(Exception, match="was altered"):
        save_artifact_folder(tmp_path / "copy")
