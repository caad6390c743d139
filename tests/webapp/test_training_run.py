"""`/training/<id>/`: everything rebuilt from the row, and the button that stops the run."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from classifier.models import Classifier, TrainingRun
from classifier.training_runs import add_log, describe_data, fail_run, record_epoch, renew_lease, request_cancel
from tests.webapp.training_rows import COUNTS, claimed, finished_run, looker, owner, queued_run, trainable_classifier
from webapp.views.training_run import NOT_YOURS, STOPPING

pytestmark = pytest.mark.django_db
ENTRY = {"epoch": 1, "loss": 0.5, "accuracy": 0.8, "validation_loss": 0.6, "validation_accuracy": 0.75}


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.training_news.live_sender.send", lambda events: None)


@pytest.fixture
def pets() -> Classifier:
    return trainable_classifier()


def address(run: TrainingRun, action: str = "training") -> str:
    return reverse(action, args=[run.pk])


def shown(client: Client, run: TrainingRun) -> str:
    answer = client.get(address(run))
    assert answer.status_code == 200
    return answer.content.decode().replace("\u00a0", " ")


def test_a_queued_run_waits_and_can_be_cancelled(pets: Classifier) -> None:
    page = shown(owner(), queued_run(pets))
    assert "Waiting for its turn." in page
    assert "No train worker has been heard for a while" in page
    assert "Cancel this run" in page


def test_a_running_run_is_rebuilt_from_its_row(pets: Classifier) -> None:
    run = queued_run(pets)
    mine = claimed(run)
    describe_data(mine, counts={"counts": COUNTS, "left_out": {"near_holdout": 3}})
    add_log(mine, "12:00:00 recipe small, as asked")
    record_epoch(mine, curves=[ENTRY], line="12:01:00 epoch 1/3")
    noted = {"phase": "training", "overall": 0.3, "epoch": 2, "epochs": 3, "accuracy": 0.75, "remaining_seconds": 40}
    renew_lease(mine, progress=noted)
    page = shown(owner(), run)
    assert "Epoch 2 of 3, 75.0 %, about 40 s left" in page
    assert 'value="0.3000"' in page
    assert "12:00:00 recipe small, as asked\n12:01:00 epoch 1/3" in page
    assert "0.600" in page
    assert "100 train, 12 validation, 14 holdout" in page
    assert "Left out: 3 nearly equal to a holdout picture." in page
    assert "“cat” has 4.0 times as many training pictures as “dog” (80 and 20)." in page


def test_a_finished_run_shows_the_gates_words_and_its_version(pets: Classifier) -> None:
    version = finished_run(pets)
    run = TrainingRun.objects.get()
    page = shown(owner(), run)
    assert "It beats “always cat” clearly." in page
    assert "92.9 %" in page
    assert "68.5 % to 98.7 %" in page
    assert reverse("model", args=[version.pk]) in page
    assert "Cancel this run" not in page
    assert "Start again with these settings" in page


def test_a_failed_run_says_why_and_what_to_do_next(pets: Classifier) -> None:
    run = queued_run(pets)
    fail_run(claimed(run), reason="The disk is full.")
    page = shown(owner(), run)
    assert "The disk is full." in page
    assert "What to do next" in page
    assert f"/training/?again={run.pk}" in page


def test_markup_in_names_and_logs_is_text(pets: Classifier) -> None:
    run = queued_run(pets)
    add_log(claimed(run), "<script>alert(1)</script>")
    TrainingRun.objects.update(name="<b>bold</b>")
    page = shown(owner(), run)
    assert "<script>alert" not in page
    assert "<b>bold" not in page


def test_cancelling_a_queued_run_ends_it(pets: Classifier) -> None:
    run = queued_run(pets)
    answer = owner().post(address(run, "cancel-training"))
    assert (answer.status_code, answer.headers["Location"]) == (303, address(run))
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_cancelling_a_running_run_asks_it_to_stop(pets: Classifier) -> None:
    run = queued_run(pets)
    claimed(run)
    client = owner()
    client.post(address(run, "cancel-training"))
    page = shown(client, run)
    assert "Stopping: the run ends at its next step." in page
    assert STOPPING in page


def test_cancelling_what_has_ended_changes_nothing_and_says_so(pets: Classifier) -> None:
    run = queued_run(pets)
    request_cancel(run)
    page = owner().post(address(run, "cancel-training"), follow=True).content.decode()
    assert "has ended already" in page


def test_who_may_only_look_cannot_cancel_and_reads_why(pets: Classifier) -> None:
    run = queued_run(pets)
    client = looker()
    assert NOT_YOURS in shown(client, run)
    assert client.post(address(run, "cancel-training")).status_code == 404
    run.refresh_from_db()
    assert run.state == "queued"


@pytest.mark.parametrize("identifier", ["nonsense", "01a1fbfc-7767-77be-ba2e-1dfce3a3caa4"])
@pytest.mark.parametrize("tail", ["", "cancel/"])
def test_an_unknown_run_is_not_found(identifier: str, tail: str) -> None:
    client = owner()
    ask: Any = client.post if tail else client.get
    assert ask(f"/training/{identifier}/{tail}").status_code == 404


def test_strangers_find_nothing_and_visitors_log_in(pets: Classifier, client: Client) -> None:
    run = queued_run(pets)
    assert "/login/" in client.get(address(run)).headers["Location"]
    client.force_login(User.objects.create_user("stranger"))
    assert client.get(address(run)).status_code == 404


def test_wrong_methods_are_refused(pets: Classifier) -> None:
    run = queued_run(pets)
    client = owner()
    assert client.post(address(run)).status_code == 405
    assert client.get(address(run, "cancel-training")).status_code == 405
