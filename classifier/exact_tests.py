"""Exact tests for small counts: binomial tails, McNemar, Holm. Plain Python, no rounding to a normal curve."""

from __future__ import annotations

import math
from collections.abc import Sequence


def binomial_upper_tail(successes: int, trials: int, chance: float) -> float:
    """The probability of at least `successes` among `trials` that each succeed with `chance`."""
    if successes <= 0:
        return 1.0
    if successes > trials or chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    log_chance, log_rest = math.log(chance), math.log1p(-chance)
    log_all = math.lgamma(trials + 1)
    total = 0.0
    for count in range(successes, trials + 1):
        log_ways = log_all - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
        total += math.exp(log_ways + count * log_chance + (trials - count) * log_rest)
    return min(1.0, total)


def mcnemar_two_sided(newly_right: int, newly_wrong: int) -> float:
    """Exact McNemar test on the discordant pairs: how likely so uneven a split is if neither version is better."""
    discordant = newly_right + newly_wrong
    return min(1.0, 2 * binomial_upper_tail(max(newly_right, newly_wrong), discordant, 0.5)) if discordant else 1.0


def mcnemar_harm(newly_right: int, newly_wrong: int) -> float:
    """The one-sided exact McNemar test for harm: small where far more became wrong than right."""
    return binomial_upper_tail(newly_wrong, newly_right + newly_wrong, 0.5)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979), in the order they came."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def paired_difference_lower_bound(newly_right: int, newly_wrong: int, count: int) -> float:
    """The one-sided 95 % lower bound of the gain in accuracy (Agresti & Min 2005: half a pair added to each cell)."""
    gained, lost, pairs = newly_right + 0.5, newly_wrong + 0.5, count + 2
    difference = (gained - lost) / pairs
    variance = (gained + lost - (gained - lost) ** 2 / pairs) / pairs**2
    return difference - 1.6448536269514722 * math.sqrt(variance)


def pictures_to_show_gain(gain: float, discordant_share: float) -> int:
    """How many pairs McNemar's test needs to show a true `gain` in four of five runs (Connor 1987)."""
    share = max(discordant_share, gain)
    needed = 1.959963984540054 * math.sqrt(share) + 0.8416212335729143 * math.sqrt(max(0.0, share - gain**2))
    return math.ceil(needed**2 / gain**2)


def pictures_to_rule_out_loss(margin: float, discordant_share: float) -> int:
    """How many pairs put the one-sided 95 % bound above -`margin` in four of five runs of an equally good version.

    The sample size for non-inferiority of paired answers (Liu and others 2002, at no true difference).
    """
    return math.ceil((1.6448536269514722 + 0.8416212335729143) ** 2 * discordant_share / margin**2)
