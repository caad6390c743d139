"""What a classifier has to learn from: pictures per label and split, and how many more a label needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count

from classifier.models import Classifier, Dataset, Image

WANTED_VALIDATION: Final = 35
"""Validation answers that a label needs for a threshold of its own (ml/calibration.py)."""
VALIDATION_SHARE: Final = 0.1
_ROUND_TO: Final = 10


@dataclass(frozen=True, slots=True)
class LabelCount:
    """One label's pictures: of datasets by split, and those that reviewers agree on. `missing` is about how many more
    it needs for a proven threshold of its own; `share` is its total among that of the largest label, 0 to 1.
    """

    name: str
    train: int
    validation: int
    holdout: int
    reviewed: int
    missing: int
    share: float

    @property
    def total(self) -> int:
        return self.train + self.validation + self.holdout + self.reviewed


def count_labels(classifier: Classifier) -> list[LabelCount]:
    """Every label in its order, with the pictures of all datasets, one that two datasets share counts in both, and
    the reviewed images."""
    names = list(classifier.labels.values_list("name", flat=True))
    counts = Dataset.objects.filter(classifier=classifier).values_list("counts", flat=True)
    settled = Image.objects.filter(classifier=classifier, settled_label__isnull=False).order_by()
    reviewed = settled.values_list("settled_label__name").annotate(count=Count("id"))
    return summarize_counts(names, counts, dict(reviewed))


def summarize_counts(
    names: Iterable[str], counts: Iterable[Mapping[str, Any]], reviewed: Mapping[str, int] | None = None
) -> list[LabelCount]:
    """`counts` as datasets keep them: {split: {label: number}}; `reviewed` by label."""
    agreed: Counter[str] = Counter(reviewed)
    splits: dict[str, Counter[str]] = {"train": Counter(), "validation": Counter(), "holdout": Counter()}
    for counted in counts:
        for split, by_label in counted.items():
            splits.setdefault(split, Counter()).update(by_label)
    parts = (splits["train"], splits["validation"], splits["holdout"], agreed)
    totals = {name: sum(part[name] for part in parts) for name in names}
    largest = max(totals.values(), default=0) or 1
    return [
        LabelCount(
            name=name,
            train=splits["train"][name],
            validation=splits["validation"][name],
            holdout=splits["holdout"][name],
            reviewed=agreed[name],
            missing=count_missing(splits["validation"][name] + int(agreed[name] * VALIDATION_SHARE)),
            share=total / largest,
        )
        for name, total in totals.items()
    ]


def count_missing(validation: int) -> int:
    """About so many pictures more, of which a tenth will fall to validation; in tens, since it is an estimate."""
    wanted = max(0, WANTED_VALIDATION - validation) / VALIDATION_SHARE
    return int(-(-wanted // _ROUND_TO) * _ROUND_TO)


def describe_imbalance(labels: Iterable[LabelCount]) -> str:
    """A sentence where the largest label has more than three times the pictures of the smallest, else nothing."""
    counted = [label for label in labels if label.total]
    if len(counted) < 2:
        return ""
    largest, smallest = max(counted, key=lambda label: label.total), min(counted, key=lambda label: label.total)
    times = largest.total / smallest.total
    if times <= 3:
        return ""
    return (
        f"“{largest.name}” has {times:.0f} times as many pictures as “{smallest.name}”. Training weighs the rare ones "
        "up; more pictures of them help more."
    )
