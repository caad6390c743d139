"""A version's accuracy and the effect of its target precision, as they were measured; read from its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from classifier.models import ModelVersion


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of holdout pictures answered rightly, with its 95 % interval where it is known; all from 0 to 1."""

    value: float
    low: float | None
    high: float | None
    count: int


class TargetPoint(TypedDict):
    """With this target precision so many pictures are answered surely, and so many of these answers are right."""

    target: float
    sure_share: float
    sure_accuracy: float | None


def read_accuracy(version: ModelVersion) -> Accuracy | None:
    """As last evaluated, else as measured after training; None where neither was done."""
    for figures in (version.evaluation, version.metrics.get("holdout")):
        if isinstance(figures, Mapping) and isinstance(figures.get("accuracy"), int | float):
            low, high = figures.get("accuracy_low"), figures.get("accuracy_high")
            return Accuracy(float(figures["accuracy"]), low, high, int(figures.get("count") or 0))
    return None


def read_target_curve(version: ModelVersion) -> list[TargetPoint]:
    """In rising order of the target; empty where the version was not evaluated."""
    points: Any = version.evaluation.get("target_curve") or []
    kept = [
        TargetPoint(
            target=float(point["target"]),
            sure_share=float(point["sure_share"]),
            sure_accuracy=None if point.get("sure_accuracy") is None else float(point["sure_accuracy"]),
        )
        for point in points
        if point.get("sure_share") is not None
    ]
    return sorted(kept, key=lambda point: point["target"])
