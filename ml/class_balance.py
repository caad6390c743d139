"""How much an example of each label counts, so that rare labels are not learned as noise. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ml.data_types import Integers

MOST_WEIGHT: Final = 10.0
EVEN_RATIO: Final = 1.5
"""Up to this ratio of the most to the least frequent label, all examples count alike: weights only add noise there."""
MOST_NAMED: Final = 8


def weigh_labels(labels: Integers, outputs: int, *, wanted: bool = True) -> list[float]:
    """The weight of an example of each label: 1 where none are wanted or needed, else as `balance` has it."""
    counts = np.bincount(labels, minlength=outputs)
    if not wanted or counts.max() <= EVEN_RATIO * max(1, counts.min()):
        return [1.0] * outputs
    return balance(labels, outputs)


def balance(labels: Integers, outputs: int) -> list[float]:
    """The weight of an example of each label, so that all labels count alike; at most MOST_WEIGHT."""
    counts = np.bincount(labels, minlength=outputs)
    weights = len(labels) / (outputs * np.maximum(counts, 1))
    return [round(min(float(weight), MOST_WEIGHT), 6) for weight in weights]


def describe_balance(names: Sequence[str], weights: Sequence[float]) -> str:
    """A sentence for the run's log, the heaviest labels first; empty where all count alike."""
    if len(set(weights)) == 1:
        return ""
    order = sorted(range(len(names)), key=lambda place: -weights[place])
    named = [f"{names[place]} {weights[place]:.2f}" for place in order[:MOST_NAMED]]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"class weights: {', '.join(named)}{more}"
