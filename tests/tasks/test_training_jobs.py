"""A run from request to verdict, with a network so small that it trains in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classifier.classifiers import create_classifier, find_classifier
from classifier.errors import Conflict, Refused, StorageUnavailable
from classifier.model_registry import roll_back
from classifier.models import Classifier, ModelVersion, TrainingRun
from classifier.object_storage import list_objects
from classifier.training_runs import UnchangedError, request_cancel
from tasks.evaluating import evaluate_version, load_version
from tasks.importing import import_pictures
from tasks.trainer import RunStoppedError, TrainingReport
from tasks.training_jobs import execute_run
from tasks.training_options import read_options
from tasks.training_requests import request_training
from tests.dataset_makers import write_halves

pytestmark = pytest.mark.django_db
TINY = {
    "epochs": 4,
    "batch_size": 16,
    "shift_pixels": 0,
    "mixed_precision": "off",
    "network_settings": {"stem": 4, "widths": [8], "blocks": [1]},
}
State = TrainingRun.State


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Path, rings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.MODEL_CACHE_DIR = tmp_path / "var" / "models"
    monkeypatch.setattr("classifier.training_news.live_sender.send", lambda events: None)
    # The keeper's thread would meet this test's open transaction; tests renew by hand where they want it.
    settings.TRAINING_LEASE_SECONDS = 1e6


@pytest.fixture
def halves(tmp_path: Path) -> Classifier:
    place = write_halves(tmp_path / "halves", train=200, test=60)
    return import_pictures(name="halves", place=str(place)).dataset.classifier


def train(classifier: Classifier, on_news: Callable[..., None] = lambda *news: None, **values: Any) -> TrainingReport:
    options = read_options({**TINY, **values})
    return execute_run(request_training(slug=classifier.slug, options=options).id, on_news=on_news)


def only_run() -> TrainingRun:
    return TrainingRun.objects.get()


def nothing_is_left(tmp_path: Path) -> bool:
    folder = tmp_path / "var" / "training"
    return not list(folder.iterdir()) and not list(list_objects("models/")) and not ModelVersion.objects.exists()


def test_a_first_version_is_trained_judged_and_live(halves: Classifier, tmp_path: Path) -> None:
    phases: list[str] = []
    report = train(halves, lambda phase, share, sentence: phases.append(phase))
    assert report.stage == ModelVersion.Stage.LIVE
    assert find_classifier("halves").live_version == report.version
    assert report.version.metrics["holdout"]["count"] == 60
    assert report.version.verdict["passed"] is True
    run = only_run()
    assert run.state == State.DONE
    assert report.version.training_run == run
    assert report.version.data_fingerprint == run.snapshot["fingerprint"]
    assert [entry["epoch"] for entry in run.curves] == [1, 2, 3, 4]
    assert run.log.count("validation") >= 4
    assert run.snapshot["counts"]["holdout"] == {"0": 30, "1": 30}
    assert list(dict.fromkeys(phases)) == ["fetching", "preparing", "training", "measuring"]
    assert not list((tmp_path / "var" / "training").iterdir())


def test_the_same_again_trains_nothing_and_says_so(halves: Classifier) -> None:
    train(halves)
    with pytest.raises(UnchangedError, match="nothing was trained"):
        request_training(slug="halves", options=read_options(TINY))
    assert TrainingRun.objects.count() == 1


def test_a_worse_version_is_refused_with_a_reason_and_rollback_works(halves: Classifier) -> None:
    good = train(halves)
    worse = train(halves, epochs=1, peak_learning_rate=1e-7, seed=9)
    assert worse.stage == ModelVersion.Stage.REJECTED
    assert "More became wrong than right." in worse.verdict.sentences
    assert find_classifier("halves").live_version == good.version
    forced = train(halves, epochs=1, peak_learning_rate=1e-7, seed=10, promote="force")
    assert forced.stage == ModelVersion.Stage.LIVE
    assert roll_back(classifier=find_classifier("halves")) == good.version


def test_never_promote_leaves_a_candidate(halves: Classifier) -> None:
    report = train(halves, epochs=1, promote="never")
    assert report.stage == ModelVersion.Stage.CANDIDATE
    assert find_classifier("halves").live_version is None


def test_a_live_version_that_cannot_be_loaded_is_no_opponent(halves: Classifier, tmp_path: Path) -> None:
    ModelVersion.objects.create(classifier=halves, number=1, digest="0" * 64, manifest={"labels": ["0", "1"]})
    Classifier.objects.filter(pk=halves.pk).update(live_version=ModelVersion.objects.get())
    report = train(halves)
    assert "could not be loaded" in report.verdict.warnings[-1]


def test_an_interrupt_while_training_cancels_the_run_and_leaves_nothing(halves: Classifier, tmp_path: Path) -> None:
    def interrupt(phase: str, share: float, sentence: str) -> None:
        if phase == "training" and share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(halves, interrupt)
    assert only_run().state == State.CANCELLED
    assert nothing_is_left(tmp_path)


def test_a_cancelled_run_stops_at_its_next_step(
    halves: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keepers: list[Any] = []
    monkeypatch.setattr("tasks.run_keeper.RunKeeper.note", lambda keeper, *facts: keepers.append(keeper))

    def cancel(phase: str, share: float, sentence: str) -> None:
        if phase == "training":
            request_cancel(only_run())
            keepers[-1].renew()

    with pytest.raises(RunStoppedError):
        train(halves, cancel)
    assert only_run().state == State.CANCELLED
    assert nothing_is_left(tmp_path)


def test_a_crash_marks_the_run_failed_with_the_reason(
    halves: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(folder: Path) -> str:
        raise StorageUnavailable("The store is away.")

    monkeypatch.setattr("tasks.trainer.save_artifact_folder", crash)
    with pytest.raises(StorageUnavailable):
        train(halves, epochs=1)
    run = only_run()
    assert (run.state, run.outcome) == (State.FAILED, "The store is away.")
    assert nothing_is_left(tmp_path)


def test_too_few_pictures_fail_the_run_with_a_sentence(tmp_path: Path) -> None:
    import_pictures(name="few", place=str(write_halves(tmp_path / "few", train=2, test=2)))
    with pytest.raises(Refused, match=r"fell to validation|have a training picture"):
        train(find_classifier("few"))
    assert only_run().state == State.FAILED


def test_a_run_in_other_hands_is_a_conflict(halves: Classifier) -> None:
    run = request_training(slug="halves", options=read_options(TINY))
    request_cancel(run)
    with pytest.raises(Conflict):
        execute_run(run.id)


def test_a_classifier_without_pictures_is_refused_before_a_run_is_made() -> None:
    create_classifier(slug="empty")
    with pytest.raises(Refused, match="import_images"):
        request_training(slug="empty", options=read_options({}))
    assert not TrainingRun.objects.exists()


def test_an_evaluation_measures_the_version_on_the_holdout(halves: Classifier) -> None:
    report = train(halves)
    evaluation = evaluate_version(version=report.version).to_json()
    assert evaluation["n"] == 60
    assert evaluation["accuracy"] == pytest.approx(report.metrics["holdout"]["accuracy"], abs=0.02)
    assert evaluation["low"] < evaluation["accuracy"] <= evaluation["high"]
    assert [entry["label"] for entry in evaluation["per_label"]] == ["0", "1"]


def test_a_version_whose_artifact_is_gone_is_refused(halves: Classifier) -> None:
    lost = ModelVersion.objects.create(classifier=halves, number=7, digest="0" * 64, manifest={"labels": ["0", "1"]})
    with pytest.raises(Refused, match="v7 cannot be loaded"):
        load_version(lost)
