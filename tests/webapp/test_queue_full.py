"""What senders are told while too many pictures wait: 503, a sentence, and when to come back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier import uploads
from classifier.models import Classifier, Image
from classifier.queue_room import QueueRoom
from tests.row_makers import png_bytes
from tests.webapp.api_calls import error_of, part, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def room_for_one(pets: Classifier, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.QUEUE_MAX_PICTURES = 1
    monkeypatch.setattr(uploads, "queue_room", QueueRoom())


def test_a_program_is_told_when_to_send_again() -> None:
    client = Client()
    assert send(client, 1).status_code == 201
    refused = send(client, 2)
    assert error_of(refused) == (503, "try_later")
    assert refused["Retry-After"] == "10"
    assert Image.objects.count() == 1


def test_the_plain_form_says_so_in_a_sentence() -> None:
    client = Client()
    assert client.post("/", {"file": part(png_bytes(1), "1.png")}).status_code == 303
    refused = client.post("/", {"file": part(png_bytes(2), "2.png")})
    assert (refused.status_code, refused["Retry-After"]) == (503, "10")
    assert "Too many pictures wait for their answer already." in refused.content.decode()
