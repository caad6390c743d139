"""Two versions side by side: what is better, what is worse, and what cannot be said."""

from __future__ import annotations

from typing import Any

from classifier.models import ModelVersion
from classifier.version_comparison import DASH, MINUS, MOST_LABELS, compare_versions


def version(number: int, **figures: Any) -> ModelVersion:
    recalls = figures.pop("recalls", {})
    per_label = [
        {"label": name, "support": 10, "precision": 0.5, "recall": recall, "f1": 0.5}
        for name, recall in recalls.items()
    ]
    evaluation = {"holdout_digest": "a", "count": 10, "per_label": per_label, **figures} if figures else {}
    return ModelVersion(number=number, manifest={"labels": list(recalls)}, evaluation=evaluation)


def test_more_is_better_but_for_the_calibration_error() -> None:
    mine = version(2, accuracy=0.95, calibration_error=0.04)
    comparison = compare_versions(mine, version(1, accuracy=0.9, calibration_error=0.01))
    accuracy, error = comparison.figures[0], comparison.figures[-1]
    assert (accuracy.difference, accuracy.unit, accuracy.direction) == ("+5.0", "points", "better")
    assert (error.difference, error.unit, error.direction) == ("+0.030", "", "worse")


def test_what_reads_alike_is_the_same() -> None:
    comparison = compare_versions(version(2, accuracy=0.90001), version(1, accuracy=0.9))
    assert comparison.figures[0].difference == "same"
    assert comparison.figures[0].direction == ""


def test_a_figure_that_one_of_them_lacks_is_a_dash() -> None:
    pair = compare_versions(version(2, accuracy=0.9, top_3=1.0), version(1, accuracy=0.9)).figures[1]
    assert (pair.mine, pair.theirs, pair.difference) == ("100.0\u00a0%", DASH, DASH)


def test_the_label_that_changed_most_comes_first_and_labels_may_differ() -> None:
    mine = version(2, accuracy=0.9, recalls={"cat": 0.9, "dog": 0.5, "bird": 0.1})
    theirs = version(1, accuracy=0.9, recalls={"cat": 0.95, "dog": 0.9})
    labels = compare_versions(mine, theirs).labels
    assert [(pair.name, pair.difference) for pair in labels] == [
        ("dog", f"{MINUS}40.0"),
        ("bird", DASH),
        ("cat", f"{MINUS}5.0"),
    ]


def test_of_very_many_labels_those_that_changed_most_are_compared() -> None:
    mine = version(2, accuracy=0.9, recalls={f"label {place}": place / 100 for place in range(100)})
    theirs = version(1, accuracy=0.9, recalls={f"label {place}": 0.0 for place in range(100)})
    labels = compare_versions(mine, theirs).labels
    assert [pair.name for pair in labels] == [f"label {place}" for place in range(99, 99 - MOST_LABELS, -1)]


def test_it_says_when_the_pictures_were_others() -> None:
    other = version(1, accuracy=0.9, holdout_digest="b", count=7000)
    assert "different pictures (10 and 7,000)" in compare_versions(version(2, accuracy=0.9), other).caution


def test_it_says_which_one_was_never_measured() -> None:
    assert compare_versions(version(2, accuracy=0.9), version(1)).caution.startswith("v1 has not been measured")
    assert compare_versions(version(2), version(1, accuracy=0.9)).caution.startswith("v2 has not been measured")
    assert compare_versions(version(2, accuracy=0.9), version(1, accuracy=0.8)).caution == ""
