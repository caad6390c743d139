"""The estimate of the live accuracy: unbiased over the strata, with an interval that means what it says."""

from __future__ import annotations

import random

import pytest

from classifier.live_accuracy import FEWEST, Drawn, estimate_accuracy

SURE, UNSURE = 0.02, 0.1


def simulate(
    chance: random.Random, *, count: int, unsure_share: float, right: tuple[float, float]
) -> tuple[float, list[Drawn]]:
    """`(true accuracy of all predictions, those that were drawn)`."""
    correct, drawn = 0, []
    for _ in range(count):
        is_unsure = chance.random() < unsure_share
        is_right = chance.random() < right[is_unsure]
        correct += is_right
        share = UNSURE if is_unsure else SURE
        if chance.random() < share:
            drawn.append(Drawn("unsure" if is_unsure else "sure", share, is_right))
    return correct / count, drawn


def test_a_stratum_that_is_drawn_more_often_counts_no_more_than_its_part() -> None:
    rows = [Drawn("sure", 0.02, True)] * 40 + [Drawn("unsure", 0.1, False)] * 40
    estimate = estimate_accuracy(rows)
    assert estimate.accuracy == pytest.approx((40 / 0.02) / (40 / 0.02 + 40 / 0.1))


def test_under_thirty_answers_there_is_no_figure_but_the_number_that_is_missing() -> None:
    rows = [Drawn("sure", 0.02, True)] * (FEWEST - 1) + [Drawn("sure", 0.02, None)] * 50
    estimate = estimate_accuracy(rows)
    assert estimate.accuracy is None
    assert estimate.low is None
    assert (estimate.answered, estimate.drawn, estimate.missing) == (29, 79, 1)


def test_where_nothing_was_wrong_the_interval_still_leaves_room() -> None:
    estimate = estimate_accuracy([Drawn("sure", 0.02, True)] * 60)
    assert estimate.accuracy == 1.0
    assert estimate.low is not None
    assert 0.9 < estimate.low < 0.99


def test_rows_without_an_answer_change_the_share_answered_and_nothing_else() -> None:
    answered = [Drawn("sure", 0.02, True)] * 50 + [Drawn("sure", 0.02, False)] * 5
    with_gaps = estimate_accuracy([*answered, *[Drawn("sure", 0.02, None)] * 55])
    assert with_gaps.accuracy == estimate_accuracy(answered).accuracy
    assert with_gaps.share_answered == 0.5


@pytest.mark.parametrize(
    ("count", "unsure_share", "right"),
    [(3000, 0.2, (0.97, 0.65)), (6000, 0.1, (0.98, 0.6)), (2500, 0.35, (0.9, 0.5))],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(
    count: int, unsure_share: float, right: tuple[float, float]
) -> None:
    chance = random.Random(7)
    trials, covered = 400, 0
    for trial in range(trials):
        truth, drawn = simulate(chance, count=count, unsure_share=unsure_share, right=right)
        estimate = estimate_accuracy(drawn, seed=trial, resamples=300)
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    assert 0.925 <= covered / trials <= 0.985, covered / trials
