"""Rare labels count more, where they are rare enough for it to matter."""

from __future__ import annotations

import numpy as np
import pytest

from ml.class_balance import balance, describe_balance, weigh_labels


def labels_of(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


def test_rare_labels_weigh_more_but_not_without_limit() -> None:
    assert balance(labels_of(3, 1), 2) == [pytest.approx(0.666667), 2.0]
    assert balance(labels_of(1000, 1), 2)[1] == 10.0


def test_an_example_weighs_1_on_average() -> None:
    labels = labels_of(30, 10, 5)
    assert np.mean(np.asarray(weigh_labels(labels, 3))[labels]) == pytest.approx(1.0, abs=1e-5)


def test_labels_that_are_nearly_as_frequent_count_alike() -> None:
    assert weigh_labels(labels_of(15, 10), 2) == [1.0, 1.0]
    assert weigh_labels(labels_of(16, 10), 2) != [1.0, 1.0]


def test_nobody_is_weighed_who_did_not_want_it() -> None:
    assert weigh_labels(labels_of(100, 1), 2, wanted=False) == [1.0, 1.0]


def test_the_log_names_the_heaviest_labels_first_and_not_hundreds() -> None:
    assert describe_balance(["cat", "dog"], [0.67, 2.0]) == "class weights: dog 2.00, cat 0.67"
    many = describe_balance([f"l{place}" for place in range(100)], [float(place) for place in range(100)])
    assert many.startswith("class weights: l99 99.00, l98 98.00")
    assert many.endswith("and 92 more")
    assert describe_balance(["cat", "dog"], [1.0, 1.0]) == ""
