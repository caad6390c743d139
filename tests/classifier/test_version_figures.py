"""Accuracy is that of the newest evaluation, else that of the training."""

from __future__ import annotations

from classifier.models import ModelVersion
from classifier.version_figures import Accuracy, read_accuracy, read_target_curve

HOLDOUT = {"accuracy": 0.9, "accuracy_low": 0.88, "accuracy_high": 0.92, "count": 1000}


def test_an_evaluation_counts_before_the_training() -> None:
    version = ModelVersion(metrics={"holdout": HOLDOUT}, evaluation={**HOLDOUT, "accuracy": 0.91})
    assert read_accuracy(version) == Accuracy(0.91, 0.88, 0.92, 1000)


def test_without_an_evaluation_the_training_counts() -> None:
    assert read_accuracy(ModelVersion(metrics={"holdout": HOLDOUT})) == Accuracy(0.9, 0.88, 0.92, 1000)


def test_a_version_that_was_never_measured_has_none() -> None:
    assert read_accuracy(ModelVersion()) is None
    assert read_accuracy(ModelVersion(metrics={"holdout": {"accuracy": None}})) is None
    assert read_target_curve(ModelVersion()) == []


def test_the_curve_rises_with_the_target() -> None:
    points = [
        {"target": 0.95, "sure_share": 0.5, "sure_accuracy": None},
        {"target": 0.9, "sure_share": 0.8, "sure_accuracy": 0.97},
    ]
    assert [point["target"] for point in read_target_curve(ModelVersion(evaluation={"target_curve": points}))] == [
        0.9,
        0.95,
    ]
