"""Beat's message arrives in many workers at the same moment, on a database that really is shared."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.classifiers import create_classifier
from classifier.models import Classifier, Dataset, TrainingRun
from tasks import scheduling
from tasks.scheduling import start_due_trainings
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name

pytestmark = pytest.mark.usefixtures("shared_database")


def test_each_due_training_is_queued_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bells: list[str] = []
    monkeypatch.setattr(scheduling, "ring_by_name", lambda task, arguments, queue: bells.extend(arguments))
    for slug in ("ants", "bees", "cows"):
        made = create_classifier(slug=slug, labels=["cat", "dog"])
        Dataset.objects.create(classifier=made, name="one", digest=f"{slug:0>64}", labels=["cat", "dog"])
    Classifier.objects.update(train_every_hours=1, next_training_at=timezone.now() - timedelta(minutes=1))
    in_parallel(8, lambda number: start_due_trainings())
    assert TrainingRun.objects.count() == len(set(bells)) == len(bells) == 3
    assert set(Classifier.objects.values_list("schedule_outcome", flat=True)) == {"Queued a training."}
