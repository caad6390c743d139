"""Whether what people send changes: the population stability index of labels and confidence, week against weeks before.

The index is Σ (p - q) ln(p / q) over the bins; by custom, under 0.1 is steady and from 0.25 on is another population.
Where nothing changed it is still about (bins - 1) (1/n + 1/m), chi-squared (Yurdakul and Naranjo, “Statistical
properties of the population stability index”, Journal of Risk Model Validation 14, 2020): a difference that chance
alone makes so large in one of twenty weeks is called steady.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CHANGING: Final = 0.1
DIFFERENT: Final = 0.25
FEWEST: Final = 50
"""Pictures that a week, and the weeks before it, must have before they are compared."""
WEEKS_BEFORE: Final = 4
CONFIDENCE_EDGES: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
RARE: Final = 0.01
OTHERS: Final = "all others"
_NORMAL_95: Final = 1.645


@dataclass(frozen=True, slots=True)
class Shift:
    """One share that moved; `before` and `now` from 0 to 1."""

    name: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class Drift:
    """One week's index against the weeks before it; None where there are too few pictures to tell."""

    index: float | None
    by_chance: float
    shifts: Sequence[Shift] = ()

    @property
    def word(self) -> str:
        """In the words of the page."""
        if self.index is None:
            return "too few pictures to tell"
        if self.index < CHANGING or self.index <= self.by_chance:
            return "steady"
        return "changing" if self.index < DIFFERENT else "different from before"


def stability_index(now: Mapping[str, int], before: Mapping[str, int]) -> float:
    """Of counts by bin; half a picture is added to every bin, so that an empty one is no infinite surprise."""
    bins = now.keys() | before.keys()
    here, there = (_shares(counts, bins) for counts in (now, before))
    return sum((here[name] - there[name]) * math.log(here[name] / there[name]) for name in bins)


def index_by_chance(bins: int, now_count: int, before_count: int) -> float:
    """What the index stays below in 95 % of weeks in which nothing changed; the quantile after Wilson and Hilferty."""
    freedom = bins - 1
    if freedom < 1:
        return 0.0
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + _NORMAL_95 * math.sqrt(part)) ** 3 * (1 / now_count + 1 / before_count))


def compare_weeks(weeks: Sequence[Mapping[str, int]]) -> list[Drift]:
    """One Drift a week, oldest first as the weeks are given: counts by bin."""
    return [compare(week, _sum(weeks[max(0, place - WEEKS_BEFORE) : place])) for place, week in enumerate(weeks)]


def compare(now: Mapping[str, int], before: Mapping[str, int]) -> Drift:
    """One week with those before it, and the three shares that moved most."""
    now_count, before_count = sum(now.values()), sum(before.values())
    if min(now_count, before_count) < FEWEST:
        return Drift(None, 0.0)
    here, there = _without_rare(now, before)
    bins = here.keys() | there.keys()
    moved = [Shift(name, there[name] / before_count, here[name] / now_count) for name in bins]
    moved.sort(key=lambda shift: (-abs(shift.now - shift.before), shift.name))
    chance = index_by_chance(len(bins), now_count, before_count)
    return Drift(stability_index(here, there), chance, moved[:3])


def confidence_bin(confidence: float) -> str:
    """The bin as a reader names it: “90 to 95 %”."""
    edges = (0.0, *CONFIDENCE_EDGES, 1.0)
    place = sum(confidence >= edge for edge in CONFIDENCE_EDGES)
    return f"{edges[place] * 100:.0f} to {edges[place + 1] * 100:.0f}\u00a0%"


def _shares(counts: Mapping[str, int], bins: set[str]) -> dict[str, float]:
    total = sum(counts.values()) + len(bins) / 2
    return {name: (counts.get(name, 0) + 0.5) / total for name in bins}


def _sum(weeks: Sequence[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for week in weeks:
        total.update(week)
    return total


def _without_rare(now: Mapping[str, int], before: Mapping[str, int]) -> tuple[Counter[str], Counter[str]]:
    """Bins with less than RARE of both together become one: of a thousand labels most are noise."""
    both = _sum([now, before])
    rare = {name for name, count in both.items() if count < RARE * both.total()}
    return _merge(now, rare), _merge(before, rare)


def _merge(counts: Mapping[str, int], rare: set[str]) -> Counter[str]:
    merged: Counter[str] = Counter()
    for name, count in counts.items():
        merged[OTHERS if name in rare else name] += count
    return merged
