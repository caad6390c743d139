"""A classifier's schedule: what is due, who may start it, what is new, and in which words people hear of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from classifier.classifiers import create_classifier
from classifier.errors import Refused
from classifier.models import Classifier, Dataset, TrainingRun
from classifier.training_schedule import (
    EXAMPLES_PAUSE,
    claim_due,
    count_new_examples,
    describe_schedule,
    due_classifiers,
    next_on_grid,
    set_gate,
    set_schedule,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
State = TrainingRun.State


@pytest.fixture
def pets() -> Classifier:
    return create_classifier(slug="pets", labels=["cat", "dog"])


def schedule(classifier: Classifier, **fields: Any) -> Classifier:
    """The row as it would be found, without going through today's clock."""
    Classifier.objects.filter(pk=classifier.pk).update(**fields)
    return Classifier.objects.get(pk=classifier.pk)


def add_pictures(classifier: Classifier, count: int) -> Dataset:
    number = Dataset.objects.count()
    return Dataset.objects.create(
        classifier=classifier, name=f"set {number}", digest=f"{number:064d}", image_count=count
    )


def add_run(classifier: Classifier, state: str, *datasets: Dataset, **fields: Any) -> TrainingRun:
    snapshot = {"datasets": [{"id": str(dataset.id)} for dataset in datasets]}
    return TrainingRun.objects.create(classifier=classifier, state=state, snapshot=snapshot, **fields)


def is_due(now: datetime = NOW) -> bool:
    return bool(due_classifiers(now))


# What an owner sets


def test_a_new_rhythm_begins_now(pets: Classifier) -> None:
    before = timezone.now()
    set_schedule(pets, every_hours=24, after_examples=None)
    stored = Classifier.objects.get()
    assert stored.next_training_at is not None
    assert before + 24 * HOUR <= stored.next_training_at <= before + 24 * HOUR + timedelta(minutes=1)
    assert (stored.train_every_hours, stored.train_after_examples) == (24, None)


def test_the_same_rhythm_again_keeps_its_times(pets: Classifier) -> None:
    schedule(pets, train_every_hours=24, next_training_at=NOW)
    assert set_schedule(pets, every_hours=24, after_examples=100).next_training_at == NOW
    assert Classifier.objects.get().train_after_examples == 100


def test_switching_off_forgets_the_next_time(pets: Classifier) -> None:
    schedule(pets, train_every_hours=24, next_training_at=NOW)
    assert set_schedule(pets, every_hours=None, after_examples=None).next_training_at is None
    assert not is_due()


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"every_hours": 0}, "every_hours", "every 1 to 8,760 hours"),
        ({"every_hours": 8761}, "every_hours", "every 1 to 8,760 hours"),
        ({"every_hours": -5}, "every_hours", "every 1 to 8,760 hours"),
        ({"every_hours": True}, "every_hours", "every 1 to 8,760 hours"),
        ({"every_hours": 1.5}, "every_hours", "every 1 to 8,760 hours"),
        ({"after_examples": 0}, "after_examples", "between 1 and 10,000,000"),
        ({"after_examples": 10_000_001}, "after_examples", "between 1 and 10,000,000"),
    ],
)
def test_a_rhythm_that_cannot_be_is_refused_and_changes_nothing(
    pets: Classifier, values: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Refused, match=words) as caught:
        set_schedule(pets, **{"every_hours": None, "after_examples": None, **values})
    assert caught.value.details == {"field": field}
    assert Classifier.objects.get().train_every_hours is None


def test_the_gate_is_stored(pets: Classifier) -> None:
    set_gate(pets, policy="not_worse", margin=0.02)
    assert Classifier.objects.values_list("gate_policy", "gate_margin").get() == ("not_worse", 0.02)


@pytest.mark.parametrize(
    ("policy", "margin", "field"),
    [
        ("best", 0.01, "policy"),
        ("", 0.01, "policy"),
        ("better", 0.0, "margin"),
        ("better", 0.21, "margin"),
        ("better", float("nan"), "margin"),
        ("better", True, "margin"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(pets: Classifier, policy: str, margin: float, field: str) -> None:
    with pytest.raises(Refused) as caught:
        set_gate(pets, policy=policy, margin=margin)
    assert caught.value.details == {"field": field}
    assert Classifier.objects.values_list("gate_policy", "gate_margin").get() == ("no_harm", 0.01)


# What people read


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        (1, "Every hour; next on 21 Nov 2996, 12:00 UTC."),
        (24, "Every 24 hours; next on 21 Nov 2996, 12:00 UTC."),
        (36, "Every 36 hours; next on 21 Nov 2996, 12:00 UTC."),
        (72, "Every 3 days; next on 21 Nov 2996, 12:00 UTC."),
    ],
)
def test_the_rhythm_is_one_sentence(pets: Classifier, hours: int, sentence: str) -> None:
    row = schedule(pets, train_every_hours=hours, next_training_at=NOW.replace(year=2996))
    assert describe_schedule(row) == sentence


def test_no_schedule_is_said(pets: Classifier) -> None:
    assert describe_schedule(pets) == "Only when somebody asks."


def test_new_pictures_are_counted_in_the_sentence(pets: Classifier) -> None:
    add_pictures(pets, 1200)
    row = schedule(pets, train_after_examples=5000)
    assert describe_schedule(row) == "After 5,000 new pictures (1,200 so far)."
    row = schedule(pets, train_after_examples=1, train_every_hours=48, next_training_at=NOW.replace(year=2996))
    assert (
        describe_schedule(row) == "Every 2 days or after 1 new picture (1,200 so far); next on 21 Nov 2996, 12:00 UTC."
    )


def test_a_time_that_passed_without_a_scheduler_is_said(pets: Classifier) -> None:
    row = schedule(pets, train_every_hours=24, next_training_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    assert "due since 2 Jan 2026, 03:04 UTC. Nothing has started it" in describe_schedule(row)


# What is new


def test_everything_is_new_before_the_first_training(pets: Classifier) -> None:
    add_pictures(pets, 30)
    add_pictures(pets, 12)
    add_pictures(create_classifier(slug="other"), 7)
    assert count_new_examples(pets) == 42


@pytest.mark.parametrize(("state", "new"), [("done", 5), ("queued", 5), ("running", 5), ("failed", 35)])
def test_what_a_run_learned_or_is_learning_is_not_new(pets: Classifier, state: str, new: int) -> None:
    first = add_pictures(pets, 30)
    add_pictures(pets, 5)
    add_run(pets, state, first)
    assert count_new_examples(pets) == new


def test_the_newest_run_decides_what_is_new(pets: Classifier) -> None:
    first, second = add_pictures(pets, 30), add_pictures(pets, 5)
    add_run(pets, "done", first, second)
    add_run(pets, "done", first)
    assert count_new_examples(pets) == 5


# What is due


def test_nothing_is_due_without_a_schedule(pets: Classifier) -> None:
    add_pictures(pets, 1000)
    assert not is_due()


def test_a_training_is_due_when_its_time_has_come(pets: Classifier) -> None:
    schedule(pets, train_every_hours=24, next_training_at=NOW)
    assert not is_due(NOW - timedelta(seconds=1))
    assert is_due(NOW)
    assert is_due(NOW + 1000 * HOUR)


def test_a_training_is_due_when_enough_pictures_are_new(pets: Classifier) -> None:
    schedule(pets, train_after_examples=10)
    first = add_pictures(pets, 9)
    assert not is_due()
    second = add_pictures(pets, 1)
    assert is_due()
    add_run(pets, "done", first, second)
    assert not is_due()


@pytest.mark.parametrize("state", ["failed", "cancelled", "running"])
def test_pictures_are_not_asked_for_again_when_their_run_ended_badly(pets: Classifier, state: str) -> None:
    schedule(pets, train_after_examples=10)
    add_run(pets, state, add_pictures(pets, 10), ended_at=NOW)
    assert not is_due(NOW + HOUR)
    add_pictures(pets, 10)
    assert is_due(NOW + HOUR)


def test_a_failed_training_is_tried_again_after_a_day_and_a_cancelled_one_is_not(pets: Classifier) -> None:
    schedule(pets, train_after_examples=10)
    run = add_run(pets, "failed", add_pictures(pets, 10), ended_at=NOW)
    assert is_due(NOW + 24 * HOUR)
    TrainingRun.objects.filter(id=run.id).update(state="cancelled")
    assert not is_due(NOW + 24 * HOUR)


# Claiming


def test_a_claim_moves_the_time_on_along_its_grid(pets: Classifier) -> None:
    row = schedule(pets, train_every_hours=24, next_training_at=NOW)
    assert claim_due(row, NOW + HOUR) == NOW + 24 * HOUR
    assert Classifier.objects.get().next_training_at == NOW + 24 * HOUR
    assert not is_due(NOW + HOUR)


def test_times_that_passed_while_nothing_ran_are_not_made_up_for(pets: Classifier) -> None:
    row = schedule(pets, train_every_hours=6, next_training_at=NOW)
    late = NOW + timedelta(days=10, hours=1)
    assert claim_due(row, late) == NOW + timedelta(days=10, hours=6)
    assert not is_due(late)


@given(hours=st.integers(1, 8760), late=st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_the_next_time_is_the_first_of_the_grid_in_the_future(hours: int, late: timedelta) -> None:
    now = NOW + late
    moment = next_on_grid(Classifier(train_every_hours=hours, next_training_at=NOW), now)
    assert now < moment <= now + hours * HOUR
    assert (moment - NOW) % (hours * HOUR) == timedelta(0)


def test_a_second_claim_of_the_same_reading_gets_nothing(pets: Classifier) -> None:
    schedule(pets, train_every_hours=24, next_training_at=NOW)
    (first,), (second,) = due_classifiers(NOW), due_classifiers(NOW)
    assert claim_due(first, NOW) is not None
    assert claim_due(second, NOW) is None
    assert claim_due(first, NOW + HOUR) is None


def test_new_pictures_are_claimed_once_and_then_rest(pets: Classifier) -> None:
    schedule(pets, train_after_examples=10)
    add_pictures(pets, 10)
    (first,), (second,) = due_classifiers(NOW), due_classifiers(NOW)
    assert claim_due(first, NOW) == NOW + EXAMPLES_PAUSE
    assert claim_due(second, NOW) is None
    assert not is_due(NOW + EXAMPLES_PAUSE - timedelta(seconds=1))
    assert is_due(NOW + EXAMPLES_PAUSE)


def test_a_claim_for_new_pictures_leaves_the_clock_alone(pets: Classifier) -> None:
    row = schedule(pets, train_after_examples=10, train_every_hours=24, next_training_at=NOW + HOUR)
    add_pictures(pets, 10)
    claim_due(row, NOW)
    assert Classifier.objects.get().next_training_at == NOW + HOUR


@pytest.mark.parametrize("change", [{"every_hours": None}, {"every_hours": 12}, {"every_hours": 24}])
def test_a_schedule_that_was_changed_since_it_was_read_is_not_claimed(
    pets: Classifier, change: dict[str, int | None]
) -> None:
    row = schedule(pets, train_every_hours=24, next_training_at=NOW)
    set_schedule(pets, **change, after_examples=7)
    assert claim_due(row, NOW) is None
