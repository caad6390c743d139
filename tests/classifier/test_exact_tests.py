"""Exact tests against numbers worked out by hand or known from the literature."""

from __future__ import annotations

import random
from math import comb

import pytest

from classifier.exact_tests import (
    binomial_upper_tail,
    holm,
    mcnemar_harm,
    mcnemar_two_sided,
    paired_difference_lower_bound,
    pictures_to_rule_out_loss,
    pictures_to_show_gain,
)


def test_a_tail_is_the_sum_of_its_terms() -> None:
    expected = sum(comb(10, k) for k in (8, 9, 10)) / 2**10
    assert binomial_upper_tail(8, 10, 0.5) == pytest.approx(expected)


def test_a_tail_with_an_uneven_chance() -> None:
    expected = sum(comb(5, k) * 0.3**k * 0.7 ** (5 - k) for k in (4, 5))
    assert binomial_upper_tail(4, 5, 0.3) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("successes", "trials", "chance", "expected"),
    [(0, 5, 0.1, 1.0), (6, 5, 0.1, 0.0), (1, 5, 0.0, 0.0), (5, 5, 1.0, 1.0), (0, 0, 0.5, 1.0)],
)
def test_tails_at_the_edges(successes: int, trials: int, chance: float, expected: float) -> None:
    assert binomial_upper_tail(successes, trials, chance) == expected


def test_a_large_tail_does_not_overflow() -> None:
    assert binomial_upper_tail(5000, 10_000, 0.5) == pytest.approx(0.504, abs=0.001)


def test_mcnemar_on_a_table_worked_by_hand() -> None:
    # 1 against 9: 2 * (1 + 10) / 2^10
    assert mcnemar_two_sided(9, 1) == pytest.approx(22 / 1024)
    assert mcnemar_two_sided(1, 9) == pytest.approx(22 / 1024)


def test_mcnemar_without_discordant_pairs_or_with_equal_ones_says_nothing() -> None:
    assert mcnemar_two_sided(0, 0) == 1.0
    assert mcnemar_two_sided(7, 7) == 1.0


def test_harm_looks_to_one_side_only() -> None:
    assert mcnemar_harm(1, 9) == pytest.approx(11 / 1024)
    assert mcnemar_harm(9, 1) > 0.99


def test_holm_multiplies_in_order_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_holm_stops_at_one() -> None:
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_lower_bound_lies_under_the_difference_and_closes_in() -> None:
    wide = paired_difference_lower_bound(6, 4, 100)
    narrow = paired_difference_lower_bound(600, 400, 10_000)
    assert wide < narrow < 0.02
    # (6.5 - 4.5) / 102 - 1.645 * sqrt((11 - 4 / 102) / 102^2)
    assert wide == pytest.approx(0.019608 - 1.644854 * 3.310686 / 102, abs=1e-5)


def test_a_smaller_gain_needs_more_pictures() -> None:
    assert pictures_to_show_gain(0.01, 0.05) == pytest.approx(3917, abs=10)
    assert pictures_to_show_gain(0.02, 0.05) < pictures_to_show_gain(0.01, 0.05) / 3


def test_so_many_pairs_rule_out_a_loss_in_four_of_five_runs() -> None:
    margin, share = 0.02, 0.05
    count = pictures_to_rule_out_loss(margin, share)
    source = random.Random(7)
    passed = 0
    for _ in range(400):
        discordant = sum(source.random() < share for _ in range(count))
        newly_right = sum(source.random() < 0.5 for _ in range(discordant))
        passed += paired_difference_lower_bound(newly_right, discordant - newly_right, count) > -margin
    assert 0.72 < passed / 400 < 0.88
