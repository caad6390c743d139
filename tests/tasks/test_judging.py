"""Judging stores what was measured: counted here again, by hand, from the files themselves."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier.artifact_storage import ArtifactDamaged
from classifier.model_registry import promote
from classifier.models import Classifier, ModelVersion
from classifier.object_storage import list_objects, read_object
from classifier.promotion_gate import Policy, Verdict
from ml.calibration import wilson_interval
from tasks.evaluating import evaluate_version
from tasks.importing import import_pictures
from tasks.judging import judge_version, select_holdout
from tests.tasks.halves_model import (
    LIMIT,
    PLANTED,
    TEMPERATURE,
    HalvesPredictor,
    make_halves_version,
    planted_content,
    read_test_part,
    score_halves,
    write_halves_with_a_wrong_label,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Path, rings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path / "var"
    monkeypatch.setattr("classifier.evaluations.live_sender.send", lambda events: None)
    for module in ("tasks.judging", "tasks.evaluating"):
        monkeypatch.setattr(f"{module}.fetch_artifact", lambda digest, folder: Path(digest))
        monkeypatch.setattr(f"{module}.load_predictor", load_by_name)


def load_by_name(folder: Path) -> HalvesPredictor:
    """Digests of threes are a model that never says “0”, those of nines cannot be loaded."""
    if folder.name.startswith("9"):
        raise ArtifactDamaged("Its files are gone.")
    return HalvesPredictor(blind_to=0 if folder.name.startswith("3") else None)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write_halves_with_a_wrong_label(tmp_path / "halves")


@pytest.fixture
def halves(place: Path) -> Classifier:
    return import_pictures(name="halves", place=str(place)).dataset.classifier


def judge(version: ModelVersion) -> Verdict:
    selection = select_holdout(classifier=version.classifier)
    artifact = Path(version.digest)
    verdict = judge_version(version=version, artifact=artifact, selection=selection, policy=Policy.NO_HARM, margin=0.01)
    version.refresh_from_db()
    return verdict


def pack_of(version: ModelVersion) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(read_object(version.evaluation["pack"])))


def calibration_error(scores: np.ndarray, labels: np.ndarray) -> float:
    """Guo et al., bin by bin."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    total = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            total += abs(right[inside].mean() - confidence[inside].mean()) * inside.sum()
    return float(total / len(labels))


def test_what_is_stored_is_what_was_measured(halves: Classifier, place: Path) -> None:
    version = make_halves_version(halves)
    judge(version)
    pictures, labels = read_test_part(place)
    scores = score_halves(pictures)
    answers = scores.argmax(axis=1)
    right = answers == labels
    found = version.evaluation
    assert found["count"] == 60
    assert found["accuracy"] == pytest.approx(right.mean())
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx(wilson_interval(int(right.sum()), 60))
    assert found["confusion"] == [
        [int(((labels == row) & (answers == column)).sum()) for column in (0, 1)] for row in (0, 1)
    ]
    assert found["calibration_error"] == pytest.approx(calibration_error(scores, labels), abs=1e-6)
    uncalibrated = scores**TEMPERATURE / (scores**TEMPERATURE).sum(axis=1, keepdims=True)
    assert found["calibration_error_before"] == pytest.approx(calibration_error(uncalibrated, labels), abs=1e-6)
    sure = scores.max(axis=1) >= LIMIT
    assert found["sure_share"] == pytest.approx(sure.mean())
    assert found["sure_accuracy"] == pytest.approx(right[sure].mean())
    assert found["datasets"] == ["halves"]
    assert len(found["target_curve"]) == 20
    assert found["target_curve_from"] == "holdout"


def test_thresholds_that_validation_chose_are_counted_on_the_holdout(halves: Classifier, place: Path) -> None:
    per_target = [{"target": 0.9, "per_label": [0.91, 0.92]}]
    version = make_halves_version(halves, thresholds={"per_label": [0.8, 0.8], "per_target": per_target})
    judge(version)
    pictures, labels = read_test_part(place)
    scores = score_halves(pictures)
    sure = scores.max(axis=1) >= np.array([0.91, 0.92])[scores.argmax(axis=1)]
    assert 0 < sure.sum() < 60
    [point] = version.evaluation["target_curve"]
    assert point["sure_share"] == pytest.approx(sure.mean())
    assert point["sure_accuracy"] == pytest.approx((scores.argmax(axis=1) == labels)[sure].mean())
    assert version.evaluation["target_curve_from"] == "validation"


def test_the_picture_with_the_wrong_label_is_found_in_its_field(halves: Classifier, place: Path) -> None:
    version = make_halves_version(halves)
    judge(version)
    pictures, labels = read_test_part(place)
    folder = f"{labels[PLANTED]}/{1 - labels[PLANTED]}"
    with pack_of(version) as pack:
        index = json.loads(pack.read("cells.json"))
        number = [facts["content"] for facts in index[folder]].index(planted_content(place))
        with Image.open(io.BytesIO(pack.read(f"{folder}/{number}.png"))) as thumbnail:
            assert np.array_equal(np.asarray(thumbnail), pictures[PLANTED])
    assert index[folder][number]["confidence"] == pytest.approx(score_halves(pictures)[PLANTED].max(), abs=1e-4)


def test_what_changed_against_the_live_version_is_kept(halves: Classifier, place: Path) -> None:
    live = make_halves_version(halves, digest="3" * 64)
    promote(version=live, reason="test")
    version = make_halves_version(halves)
    verdict = judge(version)
    _, labels = read_test_part(place)
    answers = score_halves(read_test_part(place)[0]).argmax(axis=1)
    newly_right = (answers == labels) & (labels != 1)
    newly_wrong = (answers != labels) & (labels == 1)
    assert newly_right.sum() == 29
    assert newly_wrong.sum() == 1
    assert version.evaluation["against"] == {
        "id": str(live.id),
        "number": 1,
        "newly_right": int(newly_right.sum()),
        "newly_wrong": int(newly_wrong.sum()),
    }
    assert verdict.numbers["newly_right"] == newly_right.sum()
    with pack_of(version) as pack:
        index = json.loads(pack.read("cells.json"))
        assert len(index["changes/right"]) == min(48, newly_right.sum())
        assert {facts["before"] for facts in index["changes/right"]} == {"1"}
        assert {facts["now"] for facts in index["changes/right"]} == {"0"}
        assert "changes/right/0.png" in pack.namelist()


def test_a_live_version_that_cannot_be_loaded_is_no_opponent(halves: Classifier) -> None:
    promote(version=make_halves_version(halves, digest="9" * 64), reason="test")
    version = make_halves_version(halves)
    verdict = judge(version)
    assert any("could not be loaded" in warning for warning in verdict.warnings)
    assert version.evaluation["count"] == 60
    assert "against" not in version.evaluation


def test_evaluating_again_stores_the_same_figures_and_one_pack(
    halves: Classifier, django_capture_on_commit_callbacks: Any
) -> None:
    version = make_halves_version(halves)
    judge(version)
    before = dict(version.evaluation)
    with django_capture_on_commit_callbacks(execute=True):
        evaluate_version(version=version)
    version.refresh_from_db()
    changing = {"moment", "pack"}
    assert {name: version.evaluation[name] for name in before.keys() - changing} == {
        name: before[name] for name in before.keys() - changing
    }
    assert [found.key for found in list_objects("evaluations/")] == [version.evaluation["pack"]]


def test_the_live_version_is_compared_with_the_one_it_replaced(halves: Classifier) -> None:
    first = make_halves_version(halves, digest="3" * 64)
    version = make_halves_version(halves)
    promote(version=first, reason="test")
    promote(version=version, reason="test")
    evaluate_version(version=version)
    version.refresh_from_db()
    assert version.evaluation["against"]["id"] == str(first.id)


def test_an_evaluation_of_some_datasets_only_is_told_and_not_kept(halves: Classifier) -> None:
    version = make_halves_version(halves)
    assert evaluate_version(version=version, dataset_names=["halves"]).to_json()["n"] == 60
    version.refresh_from_db()
    assert version.evaluation == {}
    assert not list(list_objects("evaluations/"))


def test_the_same_pictures_have_the_same_holdout_digest(halves: Classifier, tmp_path: Path) -> None:
    version = make_halves_version(halves)
    judge(version)
    before = version.evaluation["holdout_digest"]
    write_halves_with_a_wrong_label(tmp_path / "more", train=20, test=10)
    judge(version)
    assert version.evaluation["holdout_digest"] == before
    import_pictures(name="more", place=str(tmp_path / "more"), classifier_slug="halves")
    judge(version)
    assert version.evaluation["count"] in range(60, 71)
