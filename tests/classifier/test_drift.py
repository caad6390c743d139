"""Drift in words: chance is no change, a change is, and few pictures say nothing."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from classifier.drift import OTHERS, Drift, compare, compare_weeks, confidence_bin, index_by_chance, stability_index

MIX = {"cat": 0.5, "dog": 0.3, "bird": 0.2}


def week(chance: random.Random, count: int, mix: dict[str, float]) -> Counter[str]:
    return Counter(chance.choices(list(mix), weights=list(mix.values()), k=count))


def test_the_index_of_equal_shares_is_nothing_and_of_moved_ones_what_the_formula_says() -> None:
    assert stability_index({"a": 500, "b": 500}, {"a": 5, "b": 5}) == pytest.approx(0.0)
    # (0.6 - 0.4) ln(0.6 / 0.4) twice, by symmetry: 0.4 ln 1.5
    assert stability_index({"a": 60_000, "b": 40_000}, {"a": 40_000, "b": 60_000}) == pytest.approx(0.16219, abs=1e-4)


def test_a_label_that_was_never_there_before_is_no_infinite_surprise() -> None:
    assert 0.2 < stability_index({"a": 900, "b": 100}, {"a": 1000, "b": 0}) < 1.5


def test_chance_alone_is_called_steady_in_nineteen_of_twenty_weeks_whatever_the_number_of_pictures() -> None:
    chance = random.Random(4)
    mix = {f"label {number}": 1.0 for number in range(10)}
    for count in (60, 400):
        words = [compare(week(chance, count, mix), week(chance, 4 * count, mix)).word for _ in range(200)]
        assert words.count("steady") >= 185


@pytest.mark.parametrize(
    ("now", "word"),
    [
        ({"cat": 0.52, "dog": 0.29, "bird": 0.19}, "steady"),
        ({"cat": 0.34, "dog": 0.42, "bird": 0.24}, "changing"),
        ({"cat": 0.15, "dog": 0.25, "bird": 0.6}, "different from before"),
    ],
)
def test_the_words_follow_the_customary_bounds(now: dict[str, float], word: str) -> None:
    chance = random.Random(2)
    assert compare(week(chance, 2000, now), week(chance, 8000, MIX)).word == word


def test_few_pictures_say_nothing() -> None:
    chance = random.Random(3)
    drift = compare(week(chance, 49, MIX), week(chance, 5000, MIX))
    assert (drift.index, drift.word) == (None, "too few pictures to tell")


def test_what_moved_most_is_named_first() -> None:
    drift = compare(Counter(cat=100, dog=300), Counter(cat=300, dog=100))
    first = drift.shifts[0]
    assert (first.name, first.before, first.now) == ("cat", 0.75, 0.25)


def test_very_rare_labels_are_looked_at_together() -> None:
    many = Counter({f"rare {number}": 1 for number in range(90)})
    drift = compare(Counter(cat=10_000) + many, Counter(cat=10_000))
    assert {shift.name for shift in drift.shifts} == {"cat", OTHERS}


def test_a_week_is_compared_with_the_four_before_it_only() -> None:
    old, new = {"cat": 900, "dog": 100}, {"cat": 100, "dog": 900}
    words = [drift.word for drift in compare_weeks([old, old, new, new, new, new, new])]
    assert words[0] == "too few pictures to tell"
    assert words[1] == "steady"
    assert words[2] == "different from before"
    assert words[6] == "steady"


@pytest.mark.parametrize(
    ("confidence", "name"),
    [(0.0, "0 to 50"), (0.5, "50 to 60"), (0.949, "90 to 95"), (0.99, "99 to 100"), (1.0, "99 to 100")],
)
def test_every_confidence_has_its_bin(confidence: float, name: str) -> None:
    assert confidence_bin(confidence).startswith(name)


def test_one_bin_cannot_drift() -> None:
    assert index_by_chance(1, 100, 100) == 0.0
    assert compare({"cat": 100}, {"cat": 400}) == Drift(0.0, 0.0, compare({"cat": 100}, {"cat": 400}).shifts)
