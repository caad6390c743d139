"""Evaluation figures against a case small enough to count."""

import numpy as np
import pytest

from ml.errors import MlError
from ml.evaluation import confusion_matrix, evaluate

SCORES = np.array([[0.7, 0.2, 0.1, 0.0], [0.6, 0.3, 0.1, 0.0], [0.1, 0.8, 0.1, 0.0], [0.4, 0.3, 0.2, 0.1]])
LABELS = np.array([0, 1, 1, 3])
NAMES = ["a", "b", "c", "d"]


def test_accuracy_and_top_three_count_the_right_answers() -> None:
    metrics = evaluate(SCORES, LABELS, NAMES)
    assert metrics["accuracy"] == 0.5
    assert metrics["top_3"] == 0.75
    assert metrics["accuracy_low"] < 0.5 < metrics["accuracy_high"]


def test_rows_of_the_confusion_matrix_are_the_truth() -> None:
    assert confusion_matrix(np.array([0, 0, 1, 0]), LABELS, 4).tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
    ]


def test_each_label_has_precision_recall_and_f1_and_none_where_they_mean_nothing() -> None:
    per_label = evaluate(SCORES, LABELS, NAMES)["per_label"]
    assert per_label[0] == {
        "label": "a",
        "support": 1,
        "answered": 3,
        "precision": pytest.approx(1 / 3),
        "recall": 1.0,
        "f1": 0.5,
    }
    assert per_label[2]["precision"] is None
    assert per_label[2]["recall"] is None
    assert per_label[3]["recall"] == 0.0


def test_scores_of_another_number_of_labels_are_refused() -> None:
    with pytest.raises(MlError, match="do not fit"):
        evaluate(SCORES, LABELS, NAMES[:3])
