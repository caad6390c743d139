"""What a reviewer wants to see of the queue, and the images that are it: found quickly whether they are few or many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from classifier.identifiers import first_id_at
from classifier.models import AuditDraw, Classifier, Image, Label, Prediction

FEW: Final = 5000
"""So many are gathered and sorted; of more, the queue is walked in its order until enough are found."""
_ROUNDING: Final = 1e-4
_CLOCKS_APART: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What the reviewer wants to see; nothing said, everything. Filters leave the audit's draws out: they are blind."""

    label: str = ""
    most_confidence: float | None = None
    since: datetime | None = None
    version: UUID | None = None
    source: str = ""

    @property
    def is_empty(self) -> bool:
        return self == QueueFilter()


def waiting_images(classifier: Classifier, wish: QueueFilter) -> QuerySet[Image]:
    """Whose guess may be shown, and that the reviewer wishes to see."""
    rows = Image.objects.filter(~Exists(open_draws("id")), classifier=classifier, usefulness__isnull=False)
    if wish.source:
        rows = rows.filter(source=wish.source)
    if wish.since is not None:
        rows = _narrow_to_newer(rows, classifier, wish.since)
    return _narrow_to_answers(rows, classifier, wish)


def open_draws(image: str) -> QuerySet[AuditDraw]:
    """Of the image of the row around this. A guess that was seen once would spoil the audit's answer for ever."""
    return AuditDraw.objects.filter(image_id=OuterRef(image), answered_at__isnull=True).order_by()


def _narrow_to_newer(rows: QuerySet[Image], classifier: Classifier, since: datetime) -> QuerySet[Image]:
    """Ids follow time, and have an index; where they lead to few, they are looked up first."""
    newer = Image.objects.filter(classifier=classifier, id__gte=first_id_at(since - _CLOCKS_APART)).order_by()
    if _are_few(newer):
        rows = rows.filter(id__in=newer.values("id"))
    return rows.filter(created_at__gte=since)


def _narrow_to_answers(rows: QuerySet[Image], classifier: Classifier, wish: QueueFilter) -> QuerySet[Image]:
    choices: list[dict[str, Any]] = []
    if wish.label:
        # By its id: the index of predictions by label answers then.
        label = Label.objects.filter(classifier=classifier, name=wish.label).first()
        if label is None:
            return rows.none()
        choices.append({"classifier": classifier, "label_id": label.id})
    if wish.version is not None:
        choices.append({"model_version_id": wish.version})
    if wish.most_confidence is not None:
        # The margin of the two best scores is no larger than the best one.
        rows = rows.filter(usefulness__gte=1.0 - wish.most_confidence - _ROUNDING)
        choices.append({"confidence__lte": wish.most_confidence})
    if not choices:
        return rows
    answers = Prediction.objects.filter(**{name: value for each in choices for name, value in each.items()}).order_by()
    indexed = [each for each in choices if "confidence__lte" not in each]
    if any(_are_few(Prediction.objects.filter(**each).order_by()) for each in indexed):
        return rows.filter(current_prediction__in=answers.values("id"))
    return rows.filter(Exists(answers.filter(id=OuterRef("current_prediction_id"))))


def _are_few(rows: QuerySet[Any]) -> bool:
    """Counted in an index, and no further than it takes."""
    return rows.values("id")[: FEW + 1].count() <= FEW
