"""What was answered to the pictures of each week: a bounded sample, spread over the week's days."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from classifier.drift import confidence_bin
from classifier.identifiers import first_id_at
from classifier.models import Classifier, Image, Label

WEEKS: Final = 8
ROWS_A_WEEK: Final = 1_400
_DAYS: Final = 7
_WEEK: Final = timedelta(weeks=1)
_Answers = list[tuple[uuid.UUID, float]]


@dataclass(frozen=True, slots=True)
class Week:
    """Counts of a week's pictures by answered label and by bin of confidence; all of them or a sample."""

    start: datetime
    labels: Counter[str] = field(default_factory=Counter)
    confidences: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.labels.total()


def read_weeks(classifier: Classifier, *, now: datetime | None = None) -> list[Week]:
    """The last WEEKS times seven days, oldest first. Pictures count in the week in which they were sent, with their
    newest answer: after a promotion the earlier ones are answered anew, so that weeks differ by what was sent.

    At most WEEKS * ROWS_A_WEEK rows are read, by the index of a classifier's newest images.
    """
    end = now or timezone.now()
    names = dict(Label.objects.filter(classifier=classifier).values_list("id", "name"))
    return [_read_week(classifier, end - _WEEK * (place + 1), names) for place in reversed(range(WEEKS))]


def _read_week(classifier: Classifier, start: datetime, names: dict[uuid.UUID, str]) -> Week:
    if _sent(classifier, start, start + _WEEK).values_list("id")[ROWS_A_WEEK : ROWS_A_WEEK + 1]:
        # The newest alone would be those of its last day.
        days = [start + timedelta(days=day) for day in range(_DAYS)]
        answers = [row for day in days for row in _read(classifier, day, day + timedelta(days=1), ROWS_A_WEEK // _DAYS)]
    else:
        answers = _read(classifier, start, start + _WEEK, ROWS_A_WEEK)
    week = Week(start)
    for label_id, confidence in answers:
        week.labels[names[label_id]] += 1
        week.confidences[confidence_bin(confidence)] += 1
    return week


def _sent(classifier: Classifier, start: datetime, end: datetime) -> QuerySet[Image]:
    """Newest first, by the index of a classifier's images."""
    ids = {"id__gte": first_id_at(start), "id__lt": first_id_at(end)}
    return Image.objects.filter(classifier=classifier, **ids).order_by("-id")


def _read(classifier: Classifier, start: datetime, end: datetime, limit: int) -> _Answers:
    answered = _sent(classifier, start, end).filter(current_prediction__state="done")
    found = answered.values_list("current_prediction__label_id", "current_prediction__confidence")[:limit]
    return [(label, confidence) for label, confidence in found if label is not None and confidence is not None]
