"""What webhooks are told of each thing that happens, and that it is told with it or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from classifier.classifiers import create_classifier
from classifier.failpoints import FailpointReached
from classifier.model_registry import promote, roll_back
from classifier.models import (
    Classifier,
    Image,
    LiveVersionChange,
    ModelVersion,
    Prediction,
    TrainingRun,
    Webhook,
    WebhookDelivery,
)
from classifier.reviews import ReviewWish, record_review, withdraw_review
from classifier.training_runs import (
    cancel_claimed_run,
    claim_run,
    fail_run,
    fail_silent_runs,
    finish_run,
    request_cancel,
)
from classifier.webhook_events import Message, tell_webhooks
from classifier.write_transactions import write_transaction
from tests.review_makers import answer_all
from tests.row_makers import make_version, upload
from tests.webapp.people import person
from tests.webhook_receiver import make_webhook

pytestmark = pytest.mark.django_db
URL = "https://example.org/hook"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("reviews", "training_news"):
        monkeypatch.setattr(f"classifier.{place}.live_sender.send", lambda events: None)


def told(event: str) -> list[dict[str, Any]]:
    rows = WebhookDelivery.objects.filter(event=event).order_by("id")
    for row in rows:
        assert row.payload["id"] == str(row.id)
        assert (row.payload["event"], row.payload["subject"]) == (event, row.subject)
        assert row.payload["created_at"].endswith("Z")
    return [row.payload for row in rows]


def make_run(classifier: Classifier, **fields: Any) -> TrainingRun:
    return TrainingRun.objects.create(classifier=classifier, name="spring", **fields)


def test_answers_are_told_with_what_the_model_said(pets: Classifier) -> None:
    make_webhook(URL)
    images = [upload(seed).images[0] for seed in range(2)]
    answer_all([0.7, 0.2, 0.1])
    messages = told("prediction.done")
    prediction = Prediction.objects.get(image=images[0])
    assert pets.live_version
    assert {message["data"]["image"] for message in messages} == {str(image.id) for image in images}
    message = next(each for each in messages if each["subject"] == str(prediction.id))
    assert message["classifier"] == "pets"
    assert message["data"] == {
        "prediction": str(prediction.id),
        "image": str(images[0].id),
        "label": "cat",
        "confidence": 0.7,
        "unsure": False,
        "unfamiliar": False,
        "model": {"id": str(pets.live_version.id), "version": 1},
    }


def test_without_a_webhook_a_batch_asks_one_question_more_and_writes_nothing(pets: Classifier) -> None:
    upload(1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer_all([0.7, 0.2, 0.1])
    about = [query["sql"] for query in queries if "webhook" in query["sql"]]
    assert len(about) == 1
    assert about[0].startswith("SELECT")


def test_a_batch_is_told_in_one_statement_a_webhook_or_not(pets: Classifier) -> None:
    for _ in range(2):
        make_webhook(URL)
    for seed in range(5):
        upload(seed)
    with CaptureQueriesContext(connection) as queries:
        answer_all([0.7, 0.2, 0.1])
    inserts = [query["sql"] for query in queries if 'INSERT INTO "classifier_webhookdelivery"' in query["sql"]]
    assert len(inserts) == 1
    assert len(told("prediction.done")) == 10


def test_what_is_rolled_back_is_not_told(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    make_webhook(URL)
    upload(1)

    def fail(name: str) -> None:
        if name == "before-result-commit":
            raise FailpointReached(name)

    monkeypatch.setattr("classifier.prediction_results.failpoint", fail)
    with pytest.raises(FailpointReached):
        answer_all([0.7, 0.2, 0.1])
    assert not Prediction.objects.filter(state="done").exists()
    assert told("prediction.done") == []


def test_a_late_answer_that_is_fenced_is_not_told(pets: Classifier) -> None:
    make_webhook(URL)
    upload(1)
    answer_all([0.7, 0.2, 0.1])
    answer_all([0.7, 0.2, 0.1])
    assert len(told("prediction.done")) == 1


@pytest.mark.parametrize(
    ("narrowed", "events", "expected"),
    [
        ({}, ["review.made"], 0),
        ({}, ["prediction.done"], 1),
        ({"of": "pets"}, ["prediction.done"], 1),
        ({"of": "other"}, ["prediction.done"], 0),
        ({"is_active": False}, ["prediction.done"], 0),
    ],
)
def test_only_who_wants_it_is_told(
    pets: Classifier, narrowed: dict[str, Any], events: list[str], expected: int
) -> None:
    create_classifier(slug="other", name="Other")
    webhook = make_webhook(URL)
    webhook.events = events
    webhook.is_active = narrowed.get("is_active", True)
    if "of" in narrowed:
        webhook.classifier = Classifier.objects.get(slug=narrowed["of"])
    webhook.save()
    upload(1)
    answer_all([0.7, 0.2, 0.1])
    assert WebhookDelivery.objects.count() == expected


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_webhook_deleted_in_the_same_moment_undoes_nothing(rings: list[str]) -> None:
    gone, stays = make_webhook(URL), make_webhook(URL)
    classifier = create_classifier(slug="other", name="Other")

    def write() -> list[Message]:
        with ThreadPoolExecutor(1) as other:
            other.submit(delete_elsewhere, gone.id).result()
        return [Message("1", "other", {})]

    with write_transaction():
        tell_webhooks("prediction.done", classifier_id=classifier.id, write=write)
    assert WebhookDelivery.objects.get().webhook == stays


def delete_elsewhere(webhook_id: UUID) -> None:
    Webhook.objects.filter(id=webhook_id).delete()
    connection.close()


@pytest.fixture
def image(pets: Classifier) -> Image:
    made = upload(1).images[0]
    answer_all([0.7, 0.2, 0.1])
    make_webhook(URL)
    return made


def test_a_review_is_told_with_where_the_image_stands(image: Image) -> None:
    review = record_review(image_id=image.id, user=person("reviewer"), wish=ReviewWish("correct", "dog"))
    (message,) = told("review.made")
    assert message["subject"] == str(review.id)
    assert message["data"] == {
        "review": str(review.id),
        "image": str(image.id),
        "verdict": "correct",
        "label": "dog",
        "by": "reviewer",
        "review_state": "settled",
        "settled_label": "dog",
    }


def test_a_word_taken_back_is_told_too(image: Image) -> None:
    reviewer = person("reviewer")
    record_review(image_id=image.id, user=reviewer, wish=ReviewWish("confirm"))
    withdraw_review(image_id=image.id, user=reviewer)
    said = [(each["data"]["verdict"], each["data"]["review_state"]) for each in told("review.made")]
    assert said == [("confirm", "settled"), ("withdraw", "")]


def test_the_same_word_sent_twice_is_told_once(image: Image) -> None:
    reviewer = person("reviewer")
    for _ in range(2):
        record_review(image_id=image.id, user=reviewer, wish=ReviewWish("correct", "dog", seen_version=image.version))
    assert len(told("review.made")) == 1


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_a_training_that_ended_is_told_however_it_ended(pets: Classifier, state: str) -> None:
    make_webhook(URL)
    run = make_run(pets)
    claimed = claim_run(run_id=run.id, worker="w")
    assert claimed
    if state == "done":
        version = make_version(pets, "2" * 64)
        ModelVersion.objects.filter(id=version.id).update(training_run=run)
        assert finish_run(claimed, outcome="Better.")
    elif state == "failed":
        assert fail_run(claimed, reason="Better.")
    else:
        assert cancel_claimed_run(claimed, reason="Better.")
    assert not fail_run(claimed, reason="Again.")
    (message,) = told("training.finished")
    data = message["data"]
    assert (message["subject"], data["training_run"], data["name"]) == (str(run.id), str(run.id), "spring")
    assert (data["state"], data["outcome"]) == (state, "Better.")
    assert (data["model"] or {}).get("version") == (2 if state == "done" else None)
    assert data["started_at"] <= data["ended_at"]


def test_a_training_that_never_began_and_one_that_fell_silent_are_told(pets: Classifier) -> None:
    make_webhook(URL)
    assert request_cancel(make_run(pets))
    make_run(pets, state="running", lease_until="2020-01-01T00:00:00Z")
    assert fail_silent_runs() == 1
    assert [each["data"]["state"] for each in told("training.finished")] == ["cancelled", "failed"]


def test_a_promotion_and_a_roll_back_are_told(pets: Classifier) -> None:
    make_webhook(URL)
    boss = person("owner")
    second = make_version(pets, "2" * 64)
    promote(version=second, reason="better", user=boss)
    promote(version=second, reason="again")  # it is live: nothing happens
    roll_back(classifier=pets)
    first, back = told("model.promoted")
    changes = [str(each) for each in LiveVersionChange.objects.order_by("id").values_list("id", flat=True)]
    assert [first["subject"], back["subject"]] == changes[-2:]
    assert first["data"] == {
        "model": {"id": str(second.id), "version": 2},
        "previous": {"id": str(pets.live_version_id), "version": 1},
        "is_roll_back": False,
        "reason": "better",
        "by": "owner",
    }
    assert (back["data"]["model"]["version"], back["data"]["is_roll_back"], back["data"]["by"]) == (1, True, None)


def test_the_worker_is_woken_after_the_commit(
    pets: Classifier, rings: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    make_webhook(URL)
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        promote(version=make_version(pets, "2" * 64), reason="better")
    assert "webhooks" in rings
