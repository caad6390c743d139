"""How good a model is on labelled pictures, in figures that can be stored as JSON. numpy only."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.calibration import expected_calibration_error, wilson_interval
from ml.data_types import Floats
from ml.errors import MlError

MOST_MATRIX_LABELS: Final = 100
"""With more labels the whole matrix is a page nobody reads and megabytes of JSON; the largest confusions say more."""
MOST_PAIRS: Final = 200


def confusion_matrix(answers: NDArray[Any], labels: NDArray[Any], count: int) -> NDArray[np.int64]:
    """(count, count): rows are the truth, columns the answers."""
    cells = np.bincount(np.asarray(labels, np.int64) * count + answers, minlength=count * count)
    return cells.reshape(count, count)


def confused_pairs(answers: NDArray[Any], labels: NDArray[Any], count: int) -> list[list[int]]:
    """`[truth, answer, how many]` of the largest confusions, most frequent first."""
    wrong = answers != labels
    places = np.asarray(labels, np.int64)[wrong] * count + answers[wrong]
    cells, counts = np.unique(places, return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:MOST_PAIRS]
    return [[*divmod(int(cells[place]), count), int(counts[place])] for place in largest]


def evaluate(scores: Floats, labels: NDArray[Any], names: list[str]) -> dict[str, Any]:
    """Scores (n, labels) against the truth (n,): accuracy with its 95 % interval, top-3, calibration, per label.

    A figure that cannot be computed (precision of a label never answered) is None, and so is the confusion matrix of
    more than MOST_MATRIX_LABELS labels.
    """
    if scores.shape != (len(labels), len(names)):
        raise MlError(f"Scores of shape {scores.shape} do not fit {len(labels)} pictures of {len(names)} labels.")
    answers, count = scores.argmax(axis=1), len(names)
    is_right = answers == labels
    right = int(is_right.sum())
    low, high = wilson_interval(right, len(labels))
    return {
        "count": len(labels),
        "accuracy": divide(right, len(labels)),
        "accuracy_low": low,
        "accuracy_high": high,
        "top_3": divide(count_top(scores, labels, 3), len(labels)),
        "calibration_error": expected_calibration_error(scores, labels),
        "confusion": confusion_matrix(answers, labels, count).tolist() if count <= MOST_MATRIX_LABELS else None,
        "confused_pairs": confused_pairs(answers, labels, count),
        "per_label": [
            describe_label(name, *map(int, counts))
            for name, *counts in zip(
                names,
                np.bincount(labels[is_right], minlength=count),
                np.bincount(answers, minlength=count),
                np.bincount(labels, minlength=count),
                strict=True,
            )
        ],
    }


def describe_label(name: str, right: int, answered: int, support: int) -> dict[str, Any]:
    """`answered`: how often the label was the answer; `support`: how many pictures show it."""
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
