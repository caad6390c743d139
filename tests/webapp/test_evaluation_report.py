"""An evaluation as text."""

from __future__ import annotations

from typing import Any

from webapp.management.evaluation_report import describe_evaluation


def make_metrics(names: list[str], confusion: list[list[int]], precision: float | None = 0.5) -> dict[str, Any]:
    per_label = [
        {"label": name, "support": sum(row), "answered": 1, "precision": precision, "recall": 0.25, "f1": 1 / 3}
        for name, row in zip(names, confusion, strict=True)
    ]
    return {
        "count": 1234,
        "accuracy": 0.875,
        "accuracy_low": 0.85,
        "accuracy_high": 0.9,
        "top_3": 0.99,
        "calibration_error": 0.0123,
        "calibration_error_before": 0.0456,
        "sure_share": 0.75,
        "sure_accuracy": 0.975,
        "confusion": confusion,
        "confused_pairs": [
            [truth, answer, count]
            for truth, row in enumerate(confusion)
            for answer, count in enumerate(row)
            if truth != answer and count
        ],
        "per_label": per_label,
    }


def test_the_first_line_says_how_good_it_is_and_how_sure_that_is() -> None:
    first = describe_evaluation(3, make_metrics(["a", "b"], [[3, 1], [0, 4]]))[0]
    assert "v3: 87.50% of 1,234 pictures are right (95 % interval 85.00% to 90.00%)" in first


def test_a_figure_that_cannot_be_computed_is_a_dash() -> None:
    lines = describe_evaluation(1, make_metrics(["a", "b"], [[3, 1], [0, 4]], precision=None))
    assert next(line for line in lines if line.startswith("a ")).split() == ["a", "4", "-", "25.0%", "33.3%"]


def test_few_labels_get_the_whole_matrix() -> None:
    lines = describe_evaluation(1, make_metrics(["cat", "dog"], [[3, 1], [0, 4]]))
    assert lines[-2].split() == ["1.", "cat", "3", "1"]
    assert lines[-1].split() == ["2.", "dog", "·", "4"]


def test_many_labels_get_the_largest_confusions() -> None:
    names = [f"label{place}" for place in range(25)]
    confusion = [[10 if row == column else 0 for column in range(25)] for row in range(25)]
    confusion[4][7] = 6
    lines = describe_evaluation(1, make_metrics(names, confusion))
    assert lines[-1].split(maxsplit=1) == ["6", "label4 taken for label7"]


def test_labels_beyond_any_matrix_get_their_largest_confusions() -> None:
    metrics = make_metrics(["a", "b"], [[3, 1], [0, 4]]) | {"confusion": None}
    assert describe_evaluation(1, metrics)[-1].split(maxsplit=1) == ["1", "a taken for b"]


def test_it_says_what_is_answered_surely_and_what_changed() -> None:
    against = {"number": 2, "newly_right": 30, "newly_wrong": 1200}
    lines = describe_evaluation(3, make_metrics(["a", "b"], [[3, 1], [0, 4]]) | {"against": against})
    assert "75.0% are answered surely, 97.50% of these rightly." in lines[0]
    assert lines[1] == "Against v2: 30 newly right, 1,200 newly wrong."
