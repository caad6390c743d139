"""A version is proved by loading it as a worker would and by its answers; what fails is a sentence without places."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.artifact_storage import save_artifact_folder
from classifier.classifiers import create_classifier
from classifier.errors import Refused, StorageUnavailable
from classifier.model_registry import register_version
from classifier.models import ModelVersion
from ml.artifact import GOLDEN, MANIFEST, read_manifest
from ml.data_types import Answer
from tasks import proving
from tasks.proving import WITHOUT_GOLDEN, prove_version
from tests.ml.conftest import tiny_artifact  # noqa: F401 - a fixture, used by its name
from tests.ml.test_artifact import change_manifest
from tests.stub_predictor import StubPredictor, install_stub_version

pytestmark = pytest.mark.django_db
STUB = "tests.stub_predictor.StubPredictor"


@pytest.fixture(autouse=True)
def own_cache(settings: Any, tmp_path: Path, rings: list[str]) -> None:
    settings.MODEL_CACHE_DIR = tmp_path / "cache"


@pytest.fixture
def stub(settings: Any) -> ModelVersion:
    settings.PREDICTOR = STUB
    return ModelVersion.objects.get(id=install_stub_version(1, live=False))


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a trained artifact, to change before it is registered."""
    shutil.copytree(request.getfixturevalue("tiny_artifact"), tmp_path / "model")
    return tmp_path / "model"


def register(folder: Path, labels: list[str] | None = None) -> ModelVersion:
    labels = labels or read_manifest(folder).labels
    classifier = create_classifier(slug="halves", labels=labels)
    manifest = {"labels": labels}
    return register_version(classifier=classifier, digest=save_artifact_folder(folder), manifest=manifest, metrics={})


def test_a_trained_version_is_proved_by_its_golden_answers(folder: Path) -> None:
    assert prove_version(register(folder)) == "It answered its 16 test pictures as in training."


def test_without_golden_answers_it_says_what_was_not_proved(folder: Path) -> None:
    (folder / GOLDEN).unlink()
    change_manifest(folder, lambda values: values["files"].pop(GOLDEN))
    assert prove_version(register(folder)) == WITHOUT_GOLDEN


def test_other_golden_answers_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = register(folder)
    monkeypatch.setattr("ml.golden.TOLERANCE", -1.0)
    with pytest.raises(Refused, match="v1 cannot go live: The model's scores for its stored test pictures"):
        prove_version(version)


def test_labels_other_than_registered_are_refused(folder: Path) -> None:
    with pytest.raises(Refused, match="not those it was registered with"):
        prove_version(register(folder, ["lower", "upper"]))


def test_altered_files_are_refused_without_places(stub: ModelVersion, settings: Any) -> None:
    (settings.STORAGES["default"]["OPTIONS"]["location"] / Path(f"models/{stub.digest}/weights.weights.h5")).write_text(
        "2"
    )
    with pytest.raises(Refused, match="was altered") as refused:
        prove_version(stub)
    assert "/" not in refused.value.message.replace("SHA-256", "")


def test_a_manifest_that_ml_refuses_is_a_sentence_without_places(stub: ModelVersion, settings: Any) -> None:
    settings.PREDICTOR = "ml.inference.LoadedModel"
    with pytest.raises(Refused, match=f"its folder/{MANIFEST} is not a readable manifest") as refused:
        prove_version(stub)
    assert str(settings.MODEL_CACHE_DIR) not in refused.value.message


@pytest.mark.parametrize("scores", [[0.5, 0.2, 0.2], [np.nan] * 3])
def test_scores_that_are_no_shares_are_refused(
    scores: list[float], stub: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Answer(0, scores[0], scores, False, False)
    monkeypatch.setattr(StubPredictor, "predict", lambda self, batch: [answer] * len(batch))
    with pytest.raises(Refused, match="do not sum to 1"):
        prove_version(stub)


def test_a_model_that_fills_the_memory_is_refused(stub: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(self: StubPredictor, max_batch: int = 64, seconds: float = 1.0) -> int:
        raise MemoryError

    monkeypatch.setattr(StubPredictor, "warm_up", fill)
    with pytest.raises(Refused, match="more memory than there is"):
        prove_version(stub)


def test_a_store_that_is_away_says_nothing_about_the_version(
    stub: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(*words: object) -> Path:
        raise StorageUnavailable

    monkeypatch.setattr(proving, "fetch_artifact", be_away)
    with pytest.raises(StorageUnavailable):
        prove_version(stub)
