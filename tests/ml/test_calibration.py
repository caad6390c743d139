"""Calibration against numbers worked out by hand."""

import numpy as np
import pytest

from ml.calibration import (
    UNREACHABLE,
    choose_threshold,
    energies,
    expected_calibration_error,
    find_energy_threshold,
    find_thresholds,
    fit_temperature,
    smallest_proven_threshold,
    softmax,
    wilson_interval,
)


def test_softmax_of_equal_logits_is_even_and_a_higher_temperature_flattens() -> None:
    assert softmax(np.array([[2.0, 2.0]])).tolist() == [[0.5, 0.5]]
    logits = np.array([[np.log(9.0), 0.0]])
    assert softmax(logits)[0, 0] == pytest.approx(0.9)
    assert softmax(logits, temperature=2.0)[0, 0] == pytest.approx(0.75)


def test_the_temperature_undoes_a_known_scaling() -> None:
    # Three of four answers are right, so the calibrated margin is log 3; logits four times too large need T = 4.
    logits = np.tile([4 * np.log(3.0), 0.0], (4, 1))
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(4.0, rel=1e-3)


def test_without_validation_pictures_the_temperature_is_one() -> None:
    assert fit_temperature(np.zeros((0, 2)), np.zeros(0, int)) == 1.0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    scores = np.array([[0.8, 0.2]] * 4 + [[0.4, 0.6]] * 4)
    labels = np.array([0, 0, 0, 1, 1, 1, 0, 0])
    # 0.8 said, 0.75 right: gap 0.05; 0.6 said, 0.5 right: gap 0.1; both bins hold half of the answers.
    assert expected_calibration_error(scores, labels) == pytest.approx(0.075)


def test_a_perfectly_sure_and_right_answer_has_no_calibration_error() -> None:
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


def test_the_wilson_interval_agrees_with_the_textbook() -> None:
    # Newcombe 1998, table I: 81 of 263 → 0.2553 to 0.3662; 0 of 20 → 0 to 0.1611.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_thirty_five_right_answers_prove_nine_tenths_and_thirty_four_do_not() -> None:
    confidence = np.linspace(0.5, 0.9, 35)
    assert smallest_proven_threshold(confidence, np.ones(35, bool), 0.9) == pytest.approx(0.5)
    assert smallest_proven_threshold(confidence[:34], np.ones(34, bool), 0.9) is None


def test_the_threshold_is_the_smallest_proven_one_and_never_splits_equal_confidence() -> None:
    confidence = np.concatenate([np.full(100, 0.95), np.full(10, 0.7), np.full(100, 0.6)])
    right = np.concatenate([np.ones(100, bool), np.ones(10, bool), np.zeros(100, bool)])
    assert smallest_proven_threshold(confidence, right, 0.9) == 0.7


def test_a_label_with_few_answers_uses_the_threshold_of_all() -> None:
    scores = np.array([[0.9, 0.1]] * 60 + [[0.2, 0.8]] * 5)
    labels = np.array([0] * 60 + [1] * 5)
    thresholds = find_thresholds(scores, labels, 0.9)
    assert thresholds.per_label == [0.9, 0.8]
    assert thresholds.not_yet_proven == [0, 0]


def test_a_new_classifier_of_two_times_forty_pictures_answers_and_says_what_is_missing() -> None:
    scores = np.array([[0.95, 0.05]] * 4 + [[0.03, 0.97]] * 4)
    thresholds = find_thresholds(scores, np.array([0] * 4 + [1] * 4), 0.9)
    assert thresholds.per_label == [0.9, 0.9]
    assert thresholds.not_yet_proven == [27, 27]


def test_a_label_shown_to_be_worse_than_the_target_is_always_unsure() -> None:
    right = np.tile([True, False], 50)
    assert choose_threshold(np.full(100, 0.95), right, 0.9) == (UNREACHABLE, 0)


def test_a_label_neither_proven_nor_disproven_needs_the_target_confidence() -> None:
    right = np.ones(40, bool)
    right[0] = False
    assert choose_threshold(np.linspace(0.99, 0.91, 40), right, 0.9) == (0.9, 35)


def test_energy_is_low_for_a_strong_answer_and_the_threshold_is_its_99th_percentile() -> None:
    assert energies(np.array([[10.0, 0.0], [0.0, 0.0]])).tolist() == pytest.approx([-10.0000454, -np.log(2)])
    logits = np.column_stack([np.arange(101.0), np.full(101, -1000.0)])
    assert find_energy_threshold(logits) == pytest.approx(-1.0)
    assert find_energy_threshold(np.zeros((0, 2))) is None
