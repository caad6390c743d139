"""How much a review of an image would teach: the margin of its calibrated scores."""

from __future__ import annotations

from collections.abc import Sequence


def usefulness_of(scores: Sequence[float]) -> float:
    """1 - (p1 - p2) of the two best scores: 1 where the model cannot decide, 0 where it has no doubt."""
    if not scores:
        return 1.0
    best, second = 0.0, 0.0
    for score in scores:
        if score > best:
            best, second = score, best
        elif score > second:
            second = score
    return round(1.0 - (best - second), 6)
