"""Fifty equal requests at once, with threads and a database that really is shared."""

from __future__ import annotations

import pytest
from django.test import Client

from classifier.api_tokens import create_token
from classifier.classifiers import create_classifier
from classifier.models import Classifier, IdempotencyKey, Image, Prediction
from tests.row_makers import LABELS
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name
from tests.webapp.api_calls import Answered, error_of, send
from tests.webapp.people import person


@pytest.mark.usefixtures("shared_database", "rings")
def test_fifty_equal_requests_at_once_make_one_row_and_get_one_answer() -> None:
    create_classifier(slug="pets", labels=LABELS)
    visitor = Client()
    visitor.get("/api/v1/classifiers")  # sets the cookie that all of them send

    def call(number: int) -> Answered:
        client = Client()
        client.cookies["whatsit_visitor"] = visitor.cookies["whatsit_visitor"].value
        return send(client, 1, key="k")

    answers = in_parallel(50, call)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (Image.objects.count(), Prediction.objects.count(), IdempotencyKey.objects.count()) == (1, 1, 1)


@pytest.mark.usefixtures("shared_database", "rings")
def test_of_two_bodies_under_one_key_one_wins_and_every_other_is_refused() -> None:
    create_classifier(slug="pets", labels=LABELS)
    _, text = create_token(user=person(), name="test", scopes=["predict"])

    def call(number: int) -> Answered:
        return send(Client(headers={"Authorization": f"Bearer {text}"}), number % 2, key="k")

    answers = in_parallel(50, call)
    won = [answer for answer in answers if answer.status_code == 201]
    lost = [answer for answer in answers if answer.status_code != 201]
    assert (len(won), len(lost)) == (25, 25)
    assert len({answer.content for answer in won}) == 1
    assert {error_of(answer) for answer in lost} == {(422, "idempotency_mismatch")}
    assert (Image.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


@pytest.mark.usefixtures("shared_database", "rings")
def test_fifty_equal_calls_that_make_something_make_one() -> None:
    _, text = create_token(user=person("admin"), name="test", scopes=["admin"])

    def call(number: int) -> Answered:
        client = Client(headers={"Authorization": f"Bearer {text}", "Idempotency-Key": "k"})
        answer: Answered = client.post("/api/v1/classifiers", {"name": "Pets"}, content_type="application/json")
        return answer

    answers = in_parallel(50, call)
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert (Classifier.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
