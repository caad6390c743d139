"""Reviewed images as examples: which there are, frozen with a training run, and what the run made of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from classifier.models import Classifier, Image, Label, TrainingExample, TrainingRun
from classifier.prepared_inserts import insert_rows
from classifier.write_transactions import write_transaction

LARGE_SIDE: Final = 96
_FIELDS: Final = ("id", "settled_label__name", "content", "storage_key", "difference_hash", "width", "height")
_ROWS_AT_ONCE: Final = 2000


@dataclass(frozen=True, slots=True)
class ReviewedExample:
    """One image and what reviewers agree that it is. `difference_hash` is empty where the picture is too small."""

    image_id: UUID
    label: str
    content: str
    storage_key: str
    difference_hash: bytes


def settled_examples(classifier: Classifier) -> list[ReviewedExample]:
    """All that reviewers agree on, in the order of their content.

    The same picture, sent by two people and settled differently, is a disagreement like any other: neither is given.
    """
    images = Image.objects.filter(classifier=classifier, settled_label__isnull=False).order_by("content", "id")
    found = [_example(*values) for values in images.values_list(*_FIELDS)]
    labels: dict[str, set[str]] = {}
    for example in found:
        labels.setdefault(example.content, set()).add(example.label)
    return [example for example in found if len(labels[example.content]) == 1]


def freeze_examples(*, run: TrainingRun, examples: Sequence[ReviewedExample]) -> None:
    """Write down what this run will learn from; inside the transaction that makes the run."""
    label_ids = dict(Label.objects.filter(classifier_id=run.classifier_id).values_list("name", "id"))
    insert_rows(
        [
            TrainingExample(training_run=run, image_id=example.image_id, label_id=label_ids[example.label], part="")
            for example in examples
        ]
    )


def frozen_examples(run_id: UUID) -> list[ReviewedExample]:
    """What was frozen with the run, without the images that were deleted since."""
    rows = TrainingExample.objects.filter(training_run_id=run_id).order_by("image__content", "image_id")
    fields = [f"image__{name}" if name != "settled_label__name" else "label__name" for name in _FIELDS]
    return [_example(*values) for values in rows.values_list(*fields)]


def record_parts(*, run_id: UUID, parts: Mapping[str, str]) -> None:
    """Store which part each example fell to, `parts` by content; an example that is not in it was left out."""
    rows = TrainingExample.objects.filter(training_run_id=run_id).values_list("id", "image__content")
    by_part: dict[str, list[UUID]] = {}
    for identifier, content in rows:
        by_part.setdefault(parts.get(content, TrainingExample.Part.LEFT_OUT), []).append(identifier)
    with write_transaction():
        for part, identifiers in by_part.items():
            for first in range(0, len(identifiers), _ROWS_AT_ONCE):
                chosen = identifiers[first : first + _ROWS_AT_ONCE]
                TrainingExample.objects.filter(id__in=chosen).update(part=part)


def count_unlearned(classifier: Classifier, run: TrainingRun | None) -> int:
    """Settled images that this run did not have, or had under another label."""
    images: QuerySet[Image] = Image.objects.filter(classifier=classifier, settled_label__isnull=False)
    if run is None:
        return images.count()
    learned = TrainingExample.objects.filter(
        training_run=run, image_id=OuterRef("id"), label_id=OuterRef("settled_label_id")
    )
    return images.filter(~Exists(learned.order_by())).count()


def _example(
    image_id: UUID, label: str, content: str, storage_key: str, difference_hash: bytes, width: int, height: int
) -> ReviewedExample:
    is_large = max(width, height) > LARGE_SIDE
    return ReviewedExample(image_id, label, content, storage_key, bytes(difference_hash) if is_large else b"")
