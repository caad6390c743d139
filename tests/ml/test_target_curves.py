"""The share answered surely for each target, against counting by hand."""

import numpy as np
import pytest

from ml.calibration import find_thresholds
from ml.target_curves import MOST_LABELS, TARGETS, choose_thresholds, describe_sure, measure_targets


def validation_answers(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Two labels; an answer of confidence c is right with probability c."""
    source = np.random.default_rng(3)
    confidence = source.uniform(0.5, 1.0, count)
    answers = source.integers(0, 2, count)
    labels = np.where(source.uniform(size=count) < confidence, answers, 1 - answers)
    scores = np.where(np.arange(2) == answers[:, None], confidence[:, None], 1 - confidence[:, None])
    return scores, labels


def test_every_target_has_the_thresholds_that_a_version_made_for_it_would_have() -> None:
    scores, labels = validation_answers()
    chosen = choose_thresholds(scores, labels)
    assert [entry["target"] for entry in chosen] == list(TARGETS)
    for entry in chosen:
        assert entry["per_label"] == pytest.approx(find_thresholds(scores, labels, entry["target"]).per_label, abs=1e-6)


def test_a_stricter_target_answers_less_and_better_on_other_pictures() -> None:
    thresholds = choose_thresholds(*validation_answers())
    source = np.random.default_rng(4)
    confidence, answers = source.uniform(0.5, 1.0, 5000), source.integers(0, 2, 5000)
    labels = np.where(source.uniform(size=5000) < confidence, answers, 1 - answers)
    scores = np.where(np.arange(2) == answers[:, None], confidence[:, None], 1 - confidence[:, None])
    curve = measure_targets(scores, labels, np.zeros(5000, bool), thresholds)
    shares = [entry["sure_share"] for entry in curve]
    assert shares == sorted(shares, reverse=True)
    assert all(entry["sure_accuracy"] >= entry["target"] - 0.03 for entry in curve if entry["sure_share"] > 0.05)


def test_the_share_counts_confident_familiar_answers_only() -> None:
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.95, 0.05]])
    labels = np.array([0, 0, 0, 0])
    unfamiliar = np.array([False, False, False, True])
    curve = measure_targets(scores, labels, unfamiliar, [{"target": 0.5, "per_label": [0.7, 0.7]}])
    assert curve == [{"target": 0.5, "sure_share": 0.5, "sure_accuracy": 0.5}]


def test_a_label_the_model_does_not_know_is_never_a_sure_answer() -> None:
    scores = np.array([[0.0, 0.0, 1.0]])
    curve = measure_targets(scores, np.array([2]), np.array([False]), [{"target": 0.5, "per_label": [0.5, 0.5]}])
    assert curve[0]["sure_share"] == 0.0


def test_nothing_is_chosen_without_pictures_or_for_very_many_labels() -> None:
    assert choose_thresholds(np.zeros((0, 2)), np.zeros(0, int)) == []
    assert choose_thresholds(np.ones((3, MOST_LABELS + 1)), np.zeros(3, int)) == []


def test_no_sure_answer_has_no_accuracy() -> None:
    assert describe_sure(np.array([False]), np.array([True])) == {"sure_share": 0.0, "sure_accuracy": None}
    assert describe_sure(np.zeros(0, bool), np.zeros(0, bool))["sure_share"] is None
