"""The bound on waiting pictures: whom it refuses, whom never, and that it opens again."""

from __future__ import annotations

from typing import Any

import pytest

from classifier import uploads
from classifier.errors import QueueFull
from classifier.models import Classifier, Image, Prediction
from classifier.queue_room import QueueRoom
from classifier.upload_requests import SentFile, UploadAnswer
from classifier.uploads import accept_upload
from tests.row_makers import VISITOR, png_bytes, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def moments() -> list[float]:
    """The clock of the room: its last entry is now."""
    return [1000.0]


@pytest.fixture(autouse=True)
def room_for_three(pets: Classifier, settings: Any, monkeypatch: pytest.MonkeyPatch, moments: list[float]) -> None:
    settings.QUEUE_MAX_PICTURES = 3
    monkeypatch.setattr(uploads, "queue_room", QueueRoom(lambda: moments[-1]))


def send_from(source: str, seed: int, priority: int) -> UploadAnswer:
    files = [SentFile(f"{seed}.png", png_bytes(seed))]
    return accept_upload(files=files, owner=VISITOR, source=source, priority=priority)


def test_a_picture_too_many_is_refused_and_nothing_of_it_stays() -> None:
    for seed in range(3):
        upload(seed)
    with pytest.raises(QueueFull) as refusal:
        upload(3)
    assert (refusal.value.status, refusal.value.details) == (503, {"retry_after_seconds": 10})
    assert Image.objects.count() == 3


def test_what_other_processes_accepted_is_seen_within_a_second(moments: list[float]) -> None:
    upload(0)
    Prediction.objects.all().delete()
    for seed in range(1, 4):
        send_from(Image.Source.BROKER, seed, Prediction.PROGRAM)
    upload(4)  # by the last look there is room still
    moments.append(moments[-1] + 1.0)
    with pytest.raises(QueueFull):
        upload(5)


def test_room_that_the_workers_make_is_seen_within_a_second(moments: list[float]) -> None:
    for seed in range(3):
        upload(seed)
    Prediction.objects.all().delete()
    with pytest.raises(QueueFull):
        upload(3)
    moments.append(moments[-1] + 1.0)
    upload(3)


def test_bulk_work_and_programs_keep_no_person_out() -> None:
    for seed in range(3):
        send_from(Image.Source.COMMAND, seed, Prediction.BULK)
    for seed in range(3, 6):
        upload(seed)
    with pytest.raises(QueueFull):
        upload(6)
    send_from(Image.Source.PAGE, 7, Prediction.PERSON_WAITS)


@pytest.mark.parametrize("source", [Image.Source.COMMAND, Image.Source.BROKER])
def test_senders_that_hold_back_by_themselves_are_never_refused(source: str) -> None:
    for seed in range(4):
        send_from(source, seed, Prediction.PROGRAM)
    assert Image.objects.count() == 4


def test_a_repeat_of_what_was_accepted_gets_its_answer_from_a_full_site() -> None:
    first = upload(0, idempotency_key="k")
    upload(1)
    upload(2)
    assert upload(0, idempotency_key="k").images == first.images


def test_without_a_limit_nobody_is_refused(settings: Any) -> None:
    settings.QUEUE_MAX_PICTURES = 0
    for seed in range(5):
        upload(seed)
    assert Image.objects.count() == 5
