"""How often the live model is right, estimated from the audit: drawn at random, answered without sight of the guess.

The Hájek form of Horvitz and Thompson's estimator over the drawn and answered rows: each counts as many predictions
as its drawing probability says. Other reviews train the model; they were chosen, so they say nothing here.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

FEWEST: Final = 30
RESAMPLES: Final = 1000
_LOW, _HIGH = 0.025, 0.975


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn prediction. `is_right` is None where nobody has answered, or a reviewer could not tell."""

    stratum: str
    probability: float
    is_right: bool | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """`accuracy`, `low` and `high` (95 %) are None under FEWEST answers."""

    drawn: int
    answered: int
    accuracy: float | None
    low: float | None
    high: float | None

    @property
    def share_answered(self) -> float:
        return self.answered / self.drawn if self.drawn else 0.0

    @property
    def missing(self) -> int:
        """How many more answers it takes before a figure is shown."""
        return max(0, FEWEST - self.answered)


def estimate_accuracy(rows: Sequence[Drawn], *, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """The estimate with its interval by a bootstrap within the strata.

    Rows of one stratum and probability are alike, so a resample is drawn from their counts: how many there were
    (gamma) and which share of them was right (beta, with half a right and half a wrong one added: Jeffreys). Drawing
    rows with replacement instead says “100 % to 100 %” as long as nothing was wrong.
    """
    cells = _count_cells(rows)
    answered = sum(right + wrong for right, wrong in cells.values())
    if answered < FEWEST:
        return Estimate(len(rows), answered, None, None, None)
    chance = random.Random(seed)  # noqa: S311 - a bootstrap, not a secret
    outcomes = sorted(_resample(cells, chance) for _ in range(resamples))
    weights = {cell: (right + wrong) / cell[1] for cell, (right, wrong) in cells.items()}
    weight_right = sum(right / cell[1] for cell, (right, _) in cells.items())
    return Estimate(
        len(rows),
        answered,
        weight_right / sum(weights.values()),
        outcomes[int(_LOW * resamples)],
        outcomes[min(resamples - 1, int(_HIGH * resamples))],
    )


def _count_cells(rows: Iterable[Drawn]) -> dict[tuple[str, float], tuple[int, int]]:
    """`{(stratum, probability): (right, wrong)}` of the answered rows."""
    counts: dict[tuple[str, float], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if row.is_right is not None:
            counts[row.stratum, row.probability][not row.is_right] += 1
    return {cell: (right, wrong) for cell, (right, wrong) in counts.items()}


def _resample(cells: dict[tuple[str, float], tuple[int, int]], chance: random.Random) -> float:
    total = right_total = 0.0
    for (_, probability), (right, wrong) in cells.items():
        weight = chance.gammavariate(right + wrong + 0.5, 1.0) / probability
        total += weight
        right_total += weight * chance.betavariate(right + 0.5, wrong + 0.5)
    return right_total / total
