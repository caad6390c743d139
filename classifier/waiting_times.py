"""Seconds from the wish to the answer, counted into the buckets that /metrics shows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

FAMILY: Final = "wait"
BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0)
_BEYOND: Final = "+Inf"
_NAMES: Final = (*(f"{bound:g}" for bound in BOUNDS), _BEYOND)


def counter_names(priority: int, seconds: float) -> tuple[str, str]:
    """The sums that one answer adds to: 1 to its bucket's, its seconds to the other."""
    return f"{FAMILY}.{priority}:{_NAMES[bisect_left(BOUNDS, seconds)]}", f"{FAMILY}.{priority}:sum"


def read_histograms(counters: Mapping[str, float]) -> Iterator[tuple[str, list[tuple[str, float]], float]]:
    """`(priority, [(upper bound, answers up to it)], sum of seconds)` of a worker's sums, for each priority it had."""
    parts: dict[str, dict[str, float]] = {}
    for name, value in counters.items():
        family, _, rest = name.partition(".")
        if family == FAMILY:
            priority, _, bucket = rest.partition(":")
            parts.setdefault(priority, {})[bucket] = value
    for priority in sorted(parts):
        total, buckets = 0.0, []
        for bucket in _NAMES:
            total += parts[priority].get(bucket, 0)
            buckets.append((bucket, total))
        yield priority, buckets, parts[priority].get("sum", 0.0)
