"""Fifty equal requests at once, with threads and a database that really is shared."""

from __future__ import annotations

import pytest
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.models import IdempotencyKey, Image, Prediction
from tests.row_makers import LABELS
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name
from tests.webapp.api_calls import Answered, send


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
