"""Many workers find the same training due at the same moment, on a database that really is shared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from classifier.classifiers import create_classifier
from classifier.models import Classifier, Dataset
from classifier.training_schedule import claim_due, due_classifiers
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name

pytestmark = pytest.mark.usefixtures("shared_database")
WORKERS = 12


@pytest.mark.parametrize(
    "rhythm",
    [{"train_every_hours": 1}, {"train_after_examples": 5}, {"train_every_hours": 1, "train_after_examples": 5}],
)
def test_one_of_many_workers_gets_a_due_training(rhythm: dict[str, Any]) -> None:
    """Each has read the row as due before any has claimed it: the worst case, and in no order of theirs."""
    pets, now = create_classifier(slug="pets"), timezone.now()
    Dataset.objects.create(classifier=pets, name="one", digest="1" * 64, image_count=5)
    Classifier.objects.update(**rhythm, next_training_at=now - timedelta(hours=5))
    readings = [due_classifiers(now)[0] for _ in range(WORKERS)]
    claims = in_parallel(WORKERS, lambda number: claim_due(readings[number], timezone.now()))
    assert sum(claim is not None for claim in claims) == 1
    stored = Classifier.objects.get()
    assert not due_classifiers(timezone.now())
    if "train_every_hours" in rhythm:
        assert stored.next_training_at in claims
        assert stored.next_training_at is not None
        assert stored.next_training_at > now
