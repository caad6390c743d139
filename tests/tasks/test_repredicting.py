"""The follow-up of a promotion: complete in the end, in bounded rounds, never twice at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from classifier.model_registry import promote
from classifier.models import Classifier, Prediction
from classifier.prediction_requests import queue_repredictions
from tasks import repredicting
from tasks.housekeeping import repredict, repredict_due
from tasks.repredicting import follow_up_promotion, follow_up_promotions
from tests.row_makers import MakeImages, make_version

pytestmark = pytest.mark.django_db


def answer_all(classifier: Classifier) -> None:
    waiting = Prediction.objects.filter(state="queued")
    waiting.update(state="done", done_at=timezone.now(), model_version=classifier.live_version_id)


@pytest.fixture
def promoted(pets: Classifier, make_images: MakeImages) -> Classifier:
    """Five images were answered by the version before; the new one has seen none."""
    make_images(5)
    answer_all(pets)
    Classifier.objects.update(repredicted_version=pets.live_version)
    promote(version=make_version(pets, "2" * 64), reason="better")
    pets.refresh_from_db()
    return pets


def waiting() -> int:
    return Prediction.objects.filter(state="queued", priority=Prediction.BULK).count()


def is_followed_up(classifier: Classifier) -> bool:
    classifier.refresh_from_db()
    return classifier.repredicted_version_id == classifier.live_version_id


def rounds_of(slices: int) -> Callable[[], bool]:
    """A round that is over after so many slices."""
    asked: list[bool] = []

    def is_over() -> bool:
        asked.append(True)
        return len(asked) > slices

    return is_over


def test_a_promotion_without_any_message_is_followed_up(promoted: Classifier) -> None:
    follow_up_promotions(seconds=30)
    assert waiting() == 5
    assert is_followed_up(promoted)


def test_the_tasks_do_the_same_and_add_nothing_the_second_time(promoted: Classifier) -> None:
    repredict(str(promoted.id))
    repredict_due()
    assert waiting() == 5
    assert is_followed_up(promoted)


def test_a_round_that_is_over_leaves_the_rest_to_the_next_which_goes_on_from_there(
    promoted: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repredicting, "_SLICE", 2)
    started_after: list[UUID | None] = []

    def noted(*, classifier: Classifier, after: UUID | None, limit: int) -> UUID | None:
        started_after.append(after)
        return queue_repredictions(classifier=classifier, after=after, limit=limit)

    monkeypatch.setattr(repredicting, "queue_repredictions", noted)
    follow_up_promotion(promoted.id, is_over=rounds_of(2))
    assert waiting() == 4
    assert not is_followed_up(promoted)
    follow_up_promotion(promoted.id, is_over=rounds_of(9))
    assert waiting() == 5
    assert is_followed_up(promoted)
    assert started_after.count(None) == 1


def test_another_promotion_during_the_rounds_begins_with_the_first_image(
    promoted: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repredicting, "_SLICE", 2)
    follow_up_promotion(promoted.id, is_over=rounds_of(2))
    answer_all(promoted)
    promote(version=make_version(promoted, "3" * 64), reason="better still")
    follow_up_promotions(seconds=30)
    assert waiting() == 5


def test_a_worker_that_stops_begins_no_slice(promoted: Classifier) -> None:
    follow_up_promotions(seconds=30, is_stopping=lambda: True)
    assert waiting() == 0
    assert not is_followed_up(promoted)


def test_two_threads_are_never_at_the_same_classifier(promoted: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def queue(**options: Any) -> None:
        calls.append(options)
        second = threading.Thread(target=follow_up_promotion, args=(promoted.id,), kwargs={"is_over": lambda: False})
        second.start()  # it would need the database; it must not come so far
        second.join(60)
        assert not second.is_alive()

    monkeypatch.setattr(repredicting, "queue_repredictions", queue)
    follow_up_promotion(promoted.id, is_over=lambda: False)
    assert len(calls) == 1
