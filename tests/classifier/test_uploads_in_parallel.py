"""Accepting pictures from many threads at once, on a database that really is shared."""

from __future__ import annotations

import pytest

from classifier.classifiers import create_classifier
from classifier.models import IdempotencyKey, Image, Prediction
from classifier.object_storage import list_objects
from tests.row_makers import LABELS, upload
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name

pytestmark = pytest.mark.usefixtures("shared_database", "rings")


def stored_keys() -> list[str]:
    return [found.key for found in list_objects("images/")]


def test_equal_pictures_sent_at_the_same_moment_become_one_image() -> None:
    create_classifier(slug="pets", labels=LABELS)
    answers = in_parallel(16, lambda number: upload(1))
    image = Image.objects.get()
    assert {answer.images[0].id for answer in answers} == {image.id}
    assert sum(not answer.duplicates for answer in answers) == 1
    assert Prediction.objects.count() == 1
    assert stored_keys() == [image.storage_key]


def test_equal_requests_with_a_key_at_the_same_moment_get_one_answer() -> None:
    create_classifier(slug="pets", labels=LABELS)
    answers = in_parallel(50, lambda number: upload(1, idempotency_key="k"))
    image = Image.objects.get()
    assert {answer.images[0].id for answer in answers} == {image.id}
    assert not any(answer.duplicates for answer in answers)
    assert sum(not answer.repeated for answer in answers) == 1
    assert (Prediction.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
    assert stored_keys() == [image.storage_key]


def test_different_pictures_sent_at_the_same_moment_all_arrive() -> None:
    create_classifier(slug="pets", labels=LABELS)
    in_parallel(32, upload)
    assert (Image.objects.count(), Prediction.objects.count(), len(stored_keys())) == (32, 32, 32)
