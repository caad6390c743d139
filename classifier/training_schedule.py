"""When a classifier trains by itself, and what a new version must show then. Starting what is due: tasks/scheduling."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, Sum
from django.utils import timezone

from classifier.errors import Refused
from classifier.models import Classifier, Dataset, GatePolicy, TrainingRun
from classifier.reviewed_examples import count_unlearned
from classifier.write_transactions import write_transaction

State = TrainingRun.State
MOST_HOURS: Final = 24 * 365
MOST_EXAMPLES: Final = 10_000_000
SMALLEST_MARGIN: Final = 0.001
LARGEST_MARGIN: Final = 0.2
EXAMPLES_PAUSE: Final = timedelta(minutes=10)
"""So long nothing is started for new pictures after the schedule looked at a classifier."""
FAILED_REST: Final = timedelta(hours=24)
"""So long the pictures of a failed training count as tried: a fault that stays must not train every minute."""
LATE: Final = timedelta(minutes=5)


def set_schedule(classifier: Classifier, *, every_hours: int | None, after_examples: int | None) -> Classifier:
    """Both may be None: then nothing trains by itself. Raises Refused, whose details name the `field`.

    The same rhythm again keeps its times; another one begins now, so that its first training is `every_hours` away.
    """
    check_schedule(every_hours=every_hours, after_examples=after_examples)
    with write_transaction():
        row = Classifier.objects.select_for_update().get(pk=classifier.pk)
        return _change(
            classifier,
            train_every_hours=every_hours,
            train_after_examples=after_examples,
            next_training_at=_first_moment(row, every_hours),
        )


def set_gate(classifier: Classifier, *, policy: str, margin: float) -> Classifier:
    """What a newly trained version must show to go live by itself. Raises Refused, whose details name the `field`."""
    check_gate(policy=policy, margin=margin)
    with write_transaction():
        return _change(classifier, gate_policy=policy, gate_margin=float(margin))


def check_schedule(*, every_hours: int | None, after_examples: int | None) -> None:
    """Raises Refused with a sentence, whose details name the `field`."""
    if every_hours is not None and not _is_integer_within(every_hours, MOST_HOURS):
        raise _refusal("every_hours", "Trainings repeat every 1 to 8,760 hours, which is up to a year.")
    if after_examples is not None and not _is_integer_within(after_examples, MOST_EXAMPLES):
        raise _refusal("after_examples", f"The number of new pictures lies between 1 and {MOST_EXAMPLES:,}.")


def check_gate(*, policy: str, margin: float) -> None:
    """Raises Refused with a sentence, whose details name the `field`."""
    if policy not in GatePolicy.values:
        raise _refusal("policy", f"The policy is one of {', '.join(GatePolicy.values)}, not {policy!r}.")
    is_number = isinstance(margin, int | float) and not isinstance(margin, bool)
    if not is_number or not SMALLEST_MARGIN <= margin <= LARGEST_MARGIN:
        raise _refusal(
            "margin", f"The margin lies between {SMALLEST_MARGIN:.1%} and {LARGEST_MARGIN:.0%} of the pictures."
        )


def describe_schedule(classifier: Classifier) -> str:
    """One sentence for people: how often, after how many pictures, and when next (UTC)."""
    hours, examples = classifier.train_every_hours, classifier.train_after_examples
    parts = [_describe_rhythm(hours)] if hours else []
    if examples:
        pictures = "1 new picture" if examples == 1 else f"{examples:,} new pictures"
        parts.append(f"after {pictures} ({count_new_examples(classifier):,} so far)")
    if not parts:
        return "Only when somebody asks."
    sentence = " or ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}{_describe_next(classifier.next_training_at)}"


def describe_moment(moment: datetime) -> str:
    """As in “22 Nov 2026, 03:00 UTC”."""
    return f"{moment:%d %b %Y, %H:%M} UTC".removeprefix("0")


def count_new_examples(classifier: Classifier) -> int:
    """How many pictures a training of this moment could learn from that no training has learned from yet.

    These are the pictures of datasets that the newest finished or active run's snapshot does not list, all of them
    where there was no such run; a failed or cancelled run taught nothing. Pictures are counted as their datasets do:
    one that two datasets share counts in both. Reviewed images count where the run did not have them under the label
    that reviewers agree on now.
    """
    learned = classifier.training_runs.filter(state__in=[State.DONE, State.QUEUED, State.RUNNING])
    return _count_outside(classifier, learned.order_by("-created_at").first())


def due_classifiers(now: datetime) -> list[Classifier]:
    """Those whose time has come, and those with enough new pictures. Each must still be claimed with `claim_due`."""
    by_clock = Q(train_every_hours__isnull=False, next_training_at__lte=now)
    rested = Q(schedule_checked_at__isnull=True) | Q(schedule_checked_at__lte=now - EXAMPLES_PAUSE)
    by_examples = Q(train_after_examples__isnull=False) & rested
    rows = Classifier.objects.filter(by_clock | by_examples).order_by("next_training_at", "slug")
    return [row for row in rows if is_due_by_clock(row, now) or _has_enough_examples(row, now)]


def is_due_by_clock(classifier: Classifier, now: datetime) -> bool:
    """Has its next time come?"""
    moment = classifier.next_training_at
    return classifier.train_every_hours is not None and moment is not None and moment <= now


def claim_due(classifier: Classifier, now: datetime) -> datetime | None:
    """Take the training that is due, if nobody else has; returns when the schedule tries next, or None.

    One UPDATE that holds only where time, rhythm and last look are still those that were read as due, and that
    changes both time and last look. So of two claims of one reading only the first changes a row, whether they come
    from two beats, two workers or one message delivered twice, at once or after each other. The next time is the first
    of the same grid that lies in the future: times that passed while nothing ran are not made up for.
    """
    read = (
        "next_training_at",
        "schedule_checked_at",
        "train_every_hours",
        "train_after_examples",
    )
    unchanged = Q(pk=classifier.pk)
    for name in read:
        value = getattr(classifier, name)
        unchanged &= Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
    changes: dict[str, Any] = {"schedule_checked_at": now}
    next_try = now + EXAMPLES_PAUSE
    if is_due_by_clock(classifier, now):
        next_try = changes["next_training_at"] = next_on_grid(classifier, now)
    with write_transaction():
        return next_try if Classifier.objects.filter(unchanged).update(**changes) else None


def next_on_grid(classifier: Classifier, now: datetime) -> datetime:
    """The first of the classifier's times that lies in the future; its next one must have come."""
    assert classifier.next_training_at is not None
    assert classifier.train_every_hours is not None
    step = timedelta(hours=classifier.train_every_hours)
    return classifier.next_training_at + step * ((now - classifier.next_training_at) // step + 1)


def record_outcome(classifier: Classifier, outcome: str) -> None:
    """What became of the claimed training, in words."""
    with write_transaction():
        Classifier.objects.filter(pk=classifier.pk).update(schedule_outcome=outcome[:300])


def _change(classifier: Classifier, **changes: Any) -> Classifier:
    Classifier.objects.filter(pk=classifier.pk).update(**changes)
    classifier.refresh_from_db(fields=list(changes))
    return classifier


def _first_moment(row: Classifier, every_hours: int | None) -> datetime | None:
    if every_hours is None:
        return None
    if row.train_every_hours == every_hours and row.next_training_at is not None:
        return row.next_training_at
    return timezone.now().replace(second=0, microsecond=0) + timedelta(hours=every_hours, minutes=1)


def _has_enough_examples(classifier: Classifier, now: datetime) -> bool:
    """Enough pictures that no run was asked to learn, or that one failed on long ago.

    A cancelled run counts as asked: whoever cancelled it does not want it back a minute later.
    """
    wanted, checked = classifier.train_after_examples, classifier.schedule_checked_at
    if wanted is None or (checked is not None and checked > now - EXAMPLES_PAUSE):
        return False
    asked = classifier.training_runs.exclude(state=State.FAILED, ended_at__lte=now - FAILED_REST)
    return _count_outside(classifier, asked.order_by("-created_at").first()) >= wanted


def _count_outside(classifier: Classifier, run: TrainingRun | None) -> int:
    """Pictures of datasets that the run's snapshot does not list, and reviewed images that it did not learn as such."""
    datasets = Dataset.objects.filter(classifier=classifier).exclude(id__in=list(_datasets_of(run)))
    return (datasets.aggregate(total=Sum("image_count"))["total"] or 0) + count_unlearned(classifier, run)


def _datasets_of(run: TrainingRun | None) -> Iterator[str]:
    for entry in run.snapshot.get("datasets", []) if run else []:
        yield entry["id"]


def _describe_rhythm(hours: int) -> str:
    if hours == 1:
        return "every hour"
    return f"every {hours // 24} days" if hours % 24 == 0 and hours > 24 else f"every {hours:,} hours"


def _describe_next(moment: datetime | None) -> str:
    if moment is None:
        return "."
    if moment < timezone.now() - LATE:
        return f"; due since {describe_moment(moment)}. Nothing has started it: is a default worker with beat running?"
    return f"; next on {describe_moment(moment)}."


def _is_integer_within(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _refusal(field: str, sentence: str) -> Refused:
    return Refused("malformed_request", sentence, field=field)
