"""2,000 simulated audits: how often the interval of the live accuracy holds the truth. See docs/review-queue.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from classifier.live_accuracy import Drawn, estimate_accuracy

TRIALS = 2000
LEAST, MOST = 0.935, 0.975


@dataclass(frozen=True, slots=True)
class Site:
    """A classifier in use: how many answers, how they fall out, what the audit draws and how much is answered.

    `right`, `draws`: of sure answers and of unsure ones. The draws are the product's defaults unless said.
    """

    predictions: int
    unsure: float
    right: tuple[float, float]
    draws: tuple[float, float] = (0.02, 0.1)
    answered: float = 1.0


SITES = {
    "a usual classifier": Site(5000, 0.2, (0.97, 0.65)),
    "a good one with many answers": Site(10_000, 0.1, (0.985, 0.7)),
    "a poor one": Site(2500, 0.35, (0.9, 0.5)),
    "about 44 words in all": Site(1000, 0.3, (0.95, 0.6)),
    "hardly ever wrong": Site(4000, 0.05, (0.995, 0.8)),
    "half of the draws are answered": Site(6000, 0.2, (0.97, 0.65), answered=0.5),
    "both strata drawn alike": Site(4000, 0.2, (0.95, 0.6), draws=(0.05, 0.05)),
}


def audit(site: Site, chance: np.random.Generator) -> tuple[float, list[Drawn]]:
    """`(true share of right answers, what the audit drew)`. Drawn in whole groups: alike rows are alike."""
    unsure = int(chance.binomial(site.predictions, site.unsure))
    right_total, rows = 0, list[Drawn]()
    for stratum, count, share, draw in zip(
        ("sure", "unsure"), (site.predictions - unsure, unsure), site.right, site.draws, strict=True
    ):
        right = int(chance.binomial(count, share))
        right_total += right
        for is_right, alike in ((True, right), (False, count - right)):
            drawn = int(chance.binomial(alike, draw))
            answered = int(chance.binomial(drawn, site.answered))
            rows += [Drawn(stratum, draw, is_right)] * answered + [Drawn(stratum, draw, None)] * (drawn - answered)
    return right_total / site.predictions, rows


@pytest.mark.long
@pytest.mark.parametrize("name", SITES)
def test_the_interval_holds_the_true_share_in_95_of_100_audits(name: str) -> None:
    chance = np.random.default_rng(20261121)
    shown = covered = 0
    for trial in range(TRIALS):
        truth, rows = audit(SITES[name], chance)
        estimate = estimate_accuracy(rows, seed=trial)
        if estimate.low is None or estimate.high is None:  # under thirty answers
            continue
        shown += 1
        covered += estimate.low <= truth <= estimate.high
    assert shown >= 0.99 * TRIALS
    assert LEAST <= covered / shown <= MOST, f"{covered} of {shown} intervals hold the true share"
