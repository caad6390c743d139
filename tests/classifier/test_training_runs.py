"""The life of a training run: every move conditional, one active run a classifier, fenced by its claim."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from classifier.classifiers import create_classifier
from classifier.errors import Conflict, NotFound
from classifier.models import Classifier, Dataset, ModelVersion, TrainingRun
from classifier.training_queue import end_abandoned_run, find_due_run, release_run
from classifier.training_runs import (
    ClaimedRun,
    UnchangedError,
    add_log,
    cancel_claimed_run,
    claim_run,
    fail_run,
    fail_silent_runs,
    find_run,
    finish_run,
    record_epoch,
    renew_lease,
    request_cancel,
    request_run,
)
from classifier.training_snapshots import take_snapshot

pytestmark = pytest.mark.django_db
State = TrainingRun.State


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What watchers were sent."""
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "classifier.training_news.live_sender.send",
        lambda events: heard.extend(event for group in events.values() for event in group),
    )
    return heard


@pytest.fixture
def pets() -> Classifier:
    classifier = create_classifier(slug="pets", labels=["cat", "dog"])
    Dataset.objects.create(classifier=classifier, name="one", digest="1" * 64, labels=["cat", "dog"])
    return classifier


def request(classifier: Classifier, **options: Any) -> TrainingRun:
    return request_run(classifier=classifier, snapshot=take_snapshot(classifier=classifier), options=options)


def claim(run: TrainingRun) -> ClaimedRun:
    claimed = claim_run(run_id=run.id, worker="me")
    assert claimed is not None
    return claimed


def let_lease_run_out(run: TrainingRun) -> None:
    TrainingRun.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))


def finish_with_version(run: TrainingRun) -> ModelVersion:
    finish_run(claim(run), outcome="v1 is live.")
    return ModelVersion.objects.create(classifier=run.classifier, number=1, digest="a" * 64, training_run=run)


def test_a_run_goes_from_queued_to_done(pets: Classifier) -> None:
    run = request(pets)
    assert find_due_run() == run.id
    assert finish_run(claim(run), outcome="v1 is live.")
    run.refresh_from_db()
    assert (run.state, run.outcome) == (State.DONE, "v1 is live.")
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.lease_until is None


def test_a_second_run_is_refused_while_one_is_active(pets: Classifier) -> None:
    claim(request(pets))
    with pytest.raises(Conflict, match="in training already"):
        request(pets, epochs=3)


def test_asvs_v1_3_3_a_runs_name_turns_no_line_around_and_hides_nothing(pets: Classifier) -> None:
    snapshot = take_snapshot(classifier=pets)
    run = request_run(classifier=pets, snapshot=snapshot, options={}, name="\u202egnp.exe\x00\x1b[31m  \u200bred")
    assert run.name == "gnp.exe [31m red"


def test_another_classifier_may_train_beside_it(pets: Classifier) -> None:
    request(pets)
    other = create_classifier(slug="other", labels=["cat", "dog"])
    Dataset.objects.create(classifier=other, name="one", digest="1" * 64, labels=["cat", "dog"])
    assert request(other).state == State.QUEUED


def test_a_run_is_claimed_once(pets: Classifier) -> None:
    run = request(pets)
    claim(run)
    assert claim_run(run_id=run.id, worker="other") is None


def test_a_silent_run_may_be_claimed_by_another_and_the_first_is_fenced_out(pets: Classifier) -> None:
    run = request(pets)
    first = claim(run)
    let_lease_run_out(run)
    assert find_due_run() == run.id
    second = claim(run)
    assert not finish_run(first, outcome="late")
    assert not renew_lease(first).is_mine
    assert renew_lease(second).is_mine
    assert finish_run(second, outcome="done")


def test_a_silent_run_does_not_block_a_new_request(pets: Classifier) -> None:
    run = request(pets)
    claim(run)
    let_lease_run_out(run)
    assert request(pets, epochs=3).state == State.QUEUED
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "without a word" in run.outcome


def test_a_run_that_speaks_is_not_silent(pets: Classifier) -> None:
    claim(request(pets))
    assert fail_silent_runs() == 0


def test_unchanged_data_and_settings_are_not_trained_again(pets: Classifier) -> None:
    version = finish_with_version(request(pets, epochs=3, promote="auto"))
    with pytest.raises(UnchangedError, match="v1") as caught:
        request(pets, epochs=3, promote="never")
    assert caught.value.version == version


@pytest.mark.parametrize("change", ["epochs", "data", "target_precision"])
def test_a_change_of_what_decides_the_weights_is_trained(pets: Classifier, change: str) -> None:
    finish_with_version(request(pets, epochs=3))
    if change == "data":
        Dataset.objects.create(classifier=pets, name="two", digest="2" * 64, labels=["cat", "dog"])
    if change == "target_precision":
        pets.target_precision = 0.8
    assert request(pets, epochs=4 if change == "epochs" else 3).state == State.QUEUED


def test_a_failed_run_may_be_tried_again_unchanged(pets: Classifier) -> None:
    fail_run(claim(request(pets)), reason="disk full")
    assert request(pets).state == State.QUEUED


def test_a_queued_run_is_cancelled_at_once(pets: Classifier) -> None:
    run = request(pets)
    assert request_cancel(run)
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert claim_run(run_id=run.id, worker="me") is None


def test_a_running_run_learns_at_its_next_renewal_that_it_is_cancelled(pets: Classifier) -> None:
    run = request(pets)
    claimed = claim(run)
    assert not renew_lease(claimed).is_cancelled
    assert request_cancel(run)
    assert renew_lease(claimed).is_cancelled
    assert cancel_claimed_run(claimed, reason="Cancelled.")
    run.refresh_from_db()
    assert run.state == State.CANCELLED


def test_an_ended_run_cannot_be_cancelled(pets: Classifier) -> None:
    run = request(pets)
    finish_run(claim(run), outcome="done")
    assert not request_cancel(run)


def test_progress_stands_in_the_row_while_it_runs(pets: Classifier) -> None:
    run = request(pets)
    claimed = claim(run)
    renew_lease(claimed, progress={"phase": "training", "share": 0.5})
    run.refresh_from_db()
    assert run.progress == {"phase": "training", "share": 0.5}
    finish_run(claimed, outcome="done")
    run.refresh_from_db()
    assert run.progress == {}


def test_a_released_run_waits_for_the_next_trainer_and_is_not_counted(pets: Classifier) -> None:
    run = request(pets)
    for _ in range(5):
        assert release_run(claim(run))
    assert find_due_run() == run.id
    run.refresh_from_db()
    assert (run.state, run.claim, run.failures) == (State.QUEUED, 5, 0)


def test_a_run_whose_trainers_fell_silent_three_times_is_given_up(pets: Classifier) -> None:
    run = request(pets)
    for _ in range(3):
        assert find_due_run() == run.id
        claim(run)
        let_lease_run_out(run)
    assert find_due_run() is None
    run.refresh_from_db()
    assert (run.state, run.claim) == (State.FAILED, 3)


def test_a_run_whose_trainer_died_is_failed_with_the_reason(pets: Classifier) -> None:
    run = request(pets)
    claim(run)
    assert end_abandoned_run(run_id=run.id, worker="me", claim_before=0, reason="killed by signal 9")
    run.refresh_from_db()
    assert (run.state, run.outcome) == (State.FAILED, "killed by signal 9")


def test_a_run_whose_trainer_died_after_a_cancel_is_cancelled(pets: Classifier) -> None:
    run = request(pets)
    claim(run)
    request_cancel(run)
    assert end_abandoned_run(run_id=run.id, worker="me", claim_before=0, reason="killed")
    run.refresh_from_db()
    assert run.state == State.CANCELLED


def test_a_run_that_no_trainer_could_start_is_failed(pets: Classifier) -> None:
    run = request(pets)
    assert end_abandoned_run(run_id=run.id, worker="me", claim_before=0, reason="no TensorFlow")
    run.refresh_from_db()
    assert run.state == State.FAILED


def test_a_run_that_its_trainer_gave_back_before_it_died_waits_for_another(pets: Classifier) -> None:
    run = request(pets)
    release_run(claim(run))
    assert not end_abandoned_run(run_id=run.id, worker="me", claim_before=0, reason="aborted")
    assert find_due_run() == run.id


def test_a_run_that_ended_or_has_another_trainer_is_left_alone(pets: Classifier) -> None:
    run = request(pets)
    claimed = claim(run)
    assert not end_abandoned_run(run_id=run.id, worker="somebody else", claim_before=0, reason="killed")
    finish_run(claimed, outcome="done")
    assert not end_abandoned_run(run_id=run.id, worker="me", claim_before=0, reason="killed")
    run.refresh_from_db()
    assert run.state == State.DONE


def test_epochs_and_log_lines_are_kept_in_order(pets: Classifier) -> None:
    run = request(pets)
    claimed = claim(run)
    add_log(claimed, "begun")
    record_epoch(claimed, curves=[{"loss": 1.0}], line="epoch 1")
    record_epoch(claimed, curves=[{"loss": 1.0}, {"loss": 0.5}], line="epoch 2")
    run.refresh_from_db()
    assert run.log == "begun\nepoch 1\nepoch 2\n"
    assert run.curves == [{"loss": 1.0}, {"loss": 0.5}]


def test_watchers_hear_of_epochs_lines_and_of_the_end(
    pets: Classifier, told: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    run = request(pets)
    claimed = claim(run)
    with django_capture_on_commit_callbacks(execute=True):
        add_log(claimed, "begun")
        record_epoch(claimed, curves=[{"loss": 1.0}], line="epoch 1")
        finish_run(claimed, outcome="v1 is live.")
    begun, epoch, line, end = told
    assert begun["log"] == {"start": 0, "end": 6, "text": "begun\n"}
    assert epoch == {"type": "training", "run": str(run.id), "epoch": 1, "metrics": {"loss": 1.0}}
    assert line["log"] == {"start": 6, "end": 14, "text": "epoch 1\n"}
    assert end["metrics"] == {"state": "done", "outcome": "v1 is live."}


def test_watchers_hear_of_every_move(
    pets: Classifier, told: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    run = request(pets)
    with django_capture_on_commit_callbacks(execute=True):
        release_run(claim(run))
        claim(run)
        request_cancel(run)
        let_lease_run_out(run)
        fail_silent_runs()
    assert [event["metrics"]["state"] for event in told] == ["running", "queued", "running", "running", "failed"]


def test_a_run_that_is_in_other_hands_cannot_be_written_to(pets: Classifier) -> None:
    run = request(pets)
    stranger = ClaimedRun(run.id, claim(run).claim + 1)
    record_epoch(stranger, curves=[{"loss": 9.0}], line="wrong")
    add_log(stranger, "wrong")
    run.refresh_from_db()
    assert (run.curves, run.log) == ([], "")


@pytest.mark.parametrize("identifier", ["nonsense", "01a1fbfc-7767-77be-ba2e-1dfce3a3caa4"])
def test_an_unknown_run_is_said(identifier: str) -> None:
    with pytest.raises(NotFound):
        find_run(identifier)
