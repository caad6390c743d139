"""Evaluation figures against a case small enough to count."""

import numpy as np
import pytest

from ml.errors import MlError
from ml.evaluation import MOST_MATRIX_LABELS, confused_pairs, confusion_matrix, evaluate

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


def test_the_largest_confusions_come_first_and_right_answers_are_none() -> None:
    answers, labels = np.array([0, 1, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 0, 1])
    assert confused_pairs(answers, labels, 3) == [[0, 1, 2], [0, 2, 1], [1, 2, 1]]


def test_very_many_labels_have_pairs_instead_of_a_matrix() -> None:
    count = MOST_MATRIX_LABELS + 1
    metrics = evaluate(np.eye(count)[[1, 1, 2]], np.array([0, 1, 2]), [str(place) for place in range(count)])
    assert metrics["confusion"] is None
    assert metrics["confused_pairs"] == [[0, 1, 1]]
    assert metrics["per_label"][1]["precision"] == 0.5
