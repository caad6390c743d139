"""How much is answered surely, and how rightly, for each wish of how often a sure answer must be right. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.calibration import find_thresholds
from ml.data_types import Floats

TARGETS: Final = (
    *(0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.88, 0.9),
    *(0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999),
)
MOST_LABELS: Final = 100
"""With more, thresholds of each label for each target would fill the manifest."""


def choose_thresholds(scores: Floats, labels: NDArray[Any]) -> list[dict[str, Any]]:
    """`[{"target", "per_label"}]`, by `find_thresholds`; empty without pictures and for too many labels."""
    if not len(labels) or scores.shape[1] > MOST_LABELS:
        return []
    return [{"target": target, "per_label": find_thresholds(scores, labels, target).per_label} for target in TARGETS]


def measure_targets(
    scores: Floats, labels: NDArray[Any], unfamiliar: NDArray[np.bool_], thresholds: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """`[{"target", "sure_share", "sure_accuracy"}]` of these pictures under thresholds chosen elsewhere.

    `sure_accuracy` is None where nothing is answered surely. Scores may have more columns than the thresholds know:
    labels that the model never answers.
    """
    answers, confidence = scores.argmax(axis=1), scores.max(axis=1)
    right = answers == labels
    curve = []
    for entry in thresholds:
        limits = np.ones(scores.shape[1]) * 2
        limits[: len(entry["per_label"])] = entry["per_label"]
        sure = (confidence >= limits[answers]) & ~unfamiliar
        curve.append({"target": entry["target"], **describe_sure(sure, right)})
    return curve


def describe_sure(sure: NDArray[np.bool_], right: NDArray[np.bool_]) -> dict[str, float | None]:
    """The share answered surely, and how many of those are right."""
    if not len(sure):
        return {"sure_share": None, "sure_accuracy": None}
    return {"sure_share": float(sure.mean()), "sure_accuracy": float(right[sure].mean()) if sure.any() else None}
