"""The queue narrowed to what a reviewer wants: the same images whether few or many pass, in the queue's order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.audit import forget_shares
from classifier.model_registry import promote
from classifier.models import Classifier, Image
from classifier.queue_filters import QueueFilter, waiting_images
from tests.review_makers import answer_all
from tests.row_makers import make_version, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[5000, 0], ids=["few pass", "many pass"])
def waiting(request: pytest.FixtureRequest, pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> dict[str, Image]:
    """A dog, an unsure dog of last month, and a cat that came by a broker and that the second version answered."""
    monkeypatch.setattr("classifier.queue_filters.FEW", request.param)
    Classifier.objects.update(audit_share_sure=0.0, audit_share_unsure=0.0)
    forget_shares()
    images = {}
    for seed, (name, scores) in enumerate({"dog": [0.1, 0.8, 0.1], "old dog": [0.3, 0.4, 0.3]}.items()):
        images[name] = upload(seed).images[0]
        answer_all(scores)
    promote(version=make_version(pets, "2" * 64), reason="test")
    images["cat"] = upload(9).images[0]
    answer_all([0.7, 0.2, 0.1])
    Image.objects.filter(id=images["cat"].id).update(source="broker")
    Image.objects.filter(id=images["old dog"].id).update(created_at=timezone.now() - timedelta(days=30))
    return images


def found(pets: Classifier, wish: QueueFilter) -> list[str]:
    """The names of the pictures that pass, in the queue's order."""
    rows = waiting_images(pets, wish).order_by("-usefulness", "id")
    return [{"0.png": "dog", "1.png": "old dog", "9.png": "cat"}[name] for name in rows.values_list("name", flat=True)]


def test_without_a_wish_everything_waits_the_least_certain_first(pets: Classifier, waiting: dict[str, Image]) -> None:
    assert found(pets, QueueFilter()) == ["old dog", "cat", "dog"]


def test_a_label_is_that_of_the_newest_answer(pets: Classifier, waiting: dict[str, Image]) -> None:
    assert found(pets, QueueFilter(label="dog")) == ["old dog", "dog"]
    assert found(pets, QueueFilter(label="whale")) == []


def test_the_highest_confidence_is_included(pets: Classifier, waiting: dict[str, Image]) -> None:
    assert found(pets, QueueFilter(most_confidence=0.4)) == ["old dog"]
    assert found(pets, QueueFilter(most_confidence=0.7)) == ["old dog", "cat"]
    assert found(pets, QueueFilter(most_confidence=1.0)) == ["old dog", "cat", "dog"]


def test_a_version_is_the_one_that_gave_the_newest_answer(pets: Classifier, waiting: dict[str, Image]) -> None:
    first, second = pets.versions.order_by("number")
    assert found(pets, QueueFilter(version=first.id)) == ["old dog", "dog"]
    assert found(pets, QueueFilter(version=second.id)) == ["cat"]


def test_a_source_and_a_day_narrow_it_too(pets: Classifier, waiting: dict[str, Image]) -> None:
    assert found(pets, QueueFilter(source="broker")) == ["cat"]
    assert found(pets, QueueFilter(since=timezone.now() - timedelta(days=1))) == ["cat", "dog"]
    assert found(pets, QueueFilter(since=timezone.now() - timedelta(days=60))) == ["old dog", "cat", "dog"]


def test_wishes_add_up(pets: Classifier, waiting: dict[str, Image]) -> None:
    assert found(pets, QueueFilter(label="dog", most_confidence=0.5)) == ["old dog"]
    assert found(pets, QueueFilter(label="dog", since=timezone.now() - timedelta(days=1))) == ["dog"]
    assert found(pets, QueueFilter(label="cat", source="api")) == []
