"""Retention: the too old go, with a record each; what reviewers settled stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from classifier import deletions, retention
from classifier.identifiers import new_id
from classifier.models import Classifier, Deletion, Image
from classifier.retention import delete_old_images, find_old_images, first_id_of
from classifier.reviews import ReviewWish, record_review
from tests.review_makers import reviewer
from tests.row_makers import upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def thirty_days(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RETENTION_DAYS = 30
    monkeypatch.setattr(deletions, "ring_by_name", lambda task, arguments: None)


def image_of(days_ago: float, seed: int, monkeypatch: pytest.MonkeyPatch) -> Image:
    """Sent so many days ago, with the id that it would have got then."""
    moment = timezone.now() - timedelta(days=days_ago)
    with monkeypatch.context() as patch:
        patch.setattr("classifier.identifiers.time.time_ns", lambda: int(moment.timestamp() * 1e9))
        image = upload(seed).images[0]
    Image.objects.filter(id=image.id).update(created_at=moment)
    return image


def test_only_what_is_too_old_goes(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    old, older = image_of(31, 1, monkeypatch), image_of(400, 2, monkeypatch)
    young, today = image_of(29, 3, monkeypatch), upload(4).images[0]
    assert delete_old_images() == 2
    assert set(Image.objects.all()) == {young, today}
    assert set(Deletion.objects.values_list("image", flat=True)) == {old.id, older.id}
    record = Deletion.objects.first()
    assert record is not None
    assert (record.asker, record.reason) == (Deletion.Asker.RETENTION, "Older than 30 days.")
    assert not record.reaches_datasets


def test_nothing_goes_by_default(pets: Classifier, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    image_of(4000, 1, monkeypatch)
    settings.RETENTION_DAYS = 0
    assert delete_old_images() == 0
    assert Image.objects.count() == 1


@pytest.mark.parametrize(("keeps", "left"), [(True, 2), (False, 0)])
def test_what_reviewers_settled_or_dispute_stays(
    pets: Classifier, monkeypatch: pytest.MonkeyPatch, settings: Any, keeps: bool, left: int
) -> None:
    settings.RETENTION_KEEP_REVIEWED = keeps
    settled, disputed, skipped, plain = (image_of(40, seed, monkeypatch) for seed in range(4))
    for image, name, word in (
        (settled, "ann", ReviewWish("correct", "dog")),
        (disputed, "ann", ReviewWish("correct", "dog")),
        (disputed, "bo", ReviewWish("correct", "cat")),
        (skipped, "ann", ReviewWish("skip")),
    ):
        record_review(image_id=image.id, user=reviewer(name), wish=word)
    assert delete_old_images() == 4 - left
    assert Image.objects.count() == left
    assert not Image.objects.filter(id__in=[skipped.id, plain.id]).exists()


def test_it_goes_on_behind_what_is_kept(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 2)
    monkeypatch.setattr(find_old_images, "__kwdefaults__", {"after": None, "limit": 2})
    for seed in range(7):
        image = image_of(40 - seed / 100, seed, monkeypatch)
        if seed in (0, 1, 2, 5):
            record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("correct", "dog"))
    assert delete_old_images() == 3
    assert Image.objects.count() == 4


def test_it_stops_when_told(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    image_of(40, 1, monkeypatch)
    assert delete_old_images(is_stopping=lambda: True) == 0
    assert delete_old_images(seconds=0) == 0
    assert Image.objects.count() == 1


def test_ids_are_told_apart_by_the_moment() -> None:
    before = timezone.now()
    identifier = new_id()
    after = timezone.now() + timedelta(milliseconds=1)
    assert first_id_of(before) <= identifier < first_id_of(after)
    assert isinstance(first_id_of(before), UUID)
