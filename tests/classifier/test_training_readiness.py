"""Whether a training can be asked for, told before anybody presses the button."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from classifier.classifiers import create_classifier
from classifier.heartbeats import beat
from classifier.models import Classifier, Dataset, TrainingRun, WorkerHeartbeat
from classifier.training_readiness import (
    IN_TRAINING,
    NO_PICTURES,
    NO_WORKER,
    ONE_AT_A_TIME,
    SHARED_PROCESSOR,
    reasons_against_training,
    training_warnings,
    why_not_trainable,
)

pytestmark = pytest.mark.django_db
ENOUGH = {"train": {"cat": 30, "dog": 30}, "validation": {"cat": 3, "dog": 4}, "holdout": {"cat": 4}}


@pytest.fixture
def pets() -> Classifier:
    return create_classifier(slug="pets", labels=["cat", "dog"])


def add_pictures(classifier: Classifier, counts: dict[str, Any], name: str = "one") -> None:
    Dataset.objects.create(classifier=classifier, name=name, digest=name, labels=["cat", "dog"], counts=counts)


def test_enough_pictures_of_two_labels_can_be_trained(pets: Classifier) -> None:
    add_pictures(pets, ENOUGH)
    assert why_not_trainable(pets) is None


def test_without_pictures_nothing_can_be_learned(pets: Classifier) -> None:
    assert why_not_trainable(pets) == NO_PICTURES


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"train": {"cat": 30}, "validation": {"cat": 3}}, "Only “cat” has training pictures"),
        ({"train": {"cat": 1, "dog": 1}}, "too few pictures"),
        ({"train": {"cat": 9, "dog": 9}, "validation": {"bird": 5}}, "too few pictures"),
        ({"holdout": {"cat": 3, "dog": 3}}, "None of its pictures fell to training"),
        ({"train": {"cat": 30, "dog": 0}, "validation": {"cat": 3}}, "Only “cat”"),
    ],
)
def test_too_little_is_said_in_a_sentence(pets: Classifier, counts: dict[str, Any], words: str) -> None:
    add_pictures(pets, counts)
    assert words in str(why_not_trainable(pets))


def test_several_datasets_count_together(pets: Classifier) -> None:
    add_pictures(pets, {"train": {"cat": 30}, "validation": {"cat": 3}})
    add_pictures(pets, {"train": {"dog": 30}}, name="two")
    assert why_not_trainable(pets) is None


@pytest.mark.parametrize("state", ["queued", "running"])
def test_one_run_at_a_time(pets: Classifier, state: str) -> None:
    add_pictures(pets, ENOUGH)
    TrainingRun.objects.create(classifier=pets, state=state)
    assert why_not_trainable(pets) == IN_TRAINING


def test_many_classifiers_cost_two_queries(pets: Classifier, django_assert_num_queries: Any) -> None:
    others = [create_classifier(slug=f"other-{number}") for number in range(5)]
    with django_assert_num_queries(2):
        assert len(reasons_against_training([pets, *others])) == 6


def test_a_missing_train_worker_is_a_warning_only(pets: Classifier) -> None:
    assert training_warnings(pets) == [NO_WORKER]
    beat(worker="old", queue="train", device="cpu")
    WorkerHeartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    assert training_warnings(pets) == [NO_WORKER]


def test_a_machine_without_a_gpu_says_that_the_processor_is_shared(pets: Classifier) -> None:
    beat(worker="one", queue="train", device="cpu")
    assert training_warnings(pets) == [SHARED_PROCESSOR]


def test_a_machine_with_a_gpu_says_nothing(pets: Classifier) -> None:
    beat(worker="one", queue="train", device="1 GPU")
    assert training_warnings(pets) == []


def test_the_turn_of_others_is_said(pets: Classifier) -> None:
    beat(worker="one", queue="train", device="1 GPU")
    TrainingRun.objects.create(classifier=create_classifier(slug="other"), state="running")
    assert training_warnings(pets) == [ONE_AT_A_TIME]
