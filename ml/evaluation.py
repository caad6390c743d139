"""How good a model is on labelled pictures, in figures that can be stored as JSON. numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.calibration import expected_calibration_error, wilson_interval
from ml.data_types import Floats
from ml.errors import MlError


def confusion_matrix(answers: NDArray[Any], labels: NDArray[Any], count: int) -> NDArray[np.int64]:
    """(count, count): rows are the truth, columns the answers."""
    cells = np.bincount(np.asarray(labels, np.int64) * count + answers, minlength=count * count)
    return cells.reshape(count, count)


def evaluate(scores: Floats, labels: NDArray[Any], names: list[str]) -> dict[str, Any]:
    """Scores (n, labels) against the truth (n,): accuracy with its 95 % interval, top-3, calibration, per label.

    A figure that cannot be computed (precision of a label never answered) is None.
    """
    if scores.shape != (len(labels), len(names)):
        raise MlError(f"Scores of shape {scores.shape} do not fit {len(labels)} pictures of {len(names)} labels.")
    answers = scores.argmax(axis=1)
    right = int((answers == labels).sum())
    low, high = wilson_interval(right, len(labels))
    matrix = confusion_matrix(answers, labels, len(names))
    return {
        "count": len(labels),
        "accuracy": divide(right, len(labels)),
        "accuracy_low": low,
        "accuracy_high": high,
        "top_3": divide(count_top(scores, labels, 3), len(labels)),
        "calibration_error": expected_calibration_error(scores, labels),
        "confusion": matrix.tolist(),
        "per_label": [describe_label(matrix, index, name) for index, name in enumerate(names)],
    }


def describe_label(matrix: NDArray[np.int64], index: int, name: str) -> dict[str, Any]:
    right, answered, support = int(matrix[index, index]), int(matrix[:, index].sum()), int(matrix[index].sum())
    return {
        "label": name,
        "support": support,
        "answered": answered,
        "precision": divide(right, answered),
        "recall": divide(right, support),
        "f1": divide(2 * right, answered + support),
    }


def count_top(scores: Floats, labels: NDArray[Any], k: int) -> int:
    """How many pictures have their label among the k best scores."""
    if not len(labels):
        return 0
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return int((best == np.asarray(labels)[:, None]).any(axis=1).sum())


def divide(part: int, whole: int) -> float | None:
    return part / whole if whole else None
