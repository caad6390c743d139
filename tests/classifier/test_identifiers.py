"""Ids: UUID version 7, in the order of time; whatever is no id reads as none."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from classifier.identifiers import first_id_at, new_id, parse_id


def test_an_id_is_a_uuid_of_version_7() -> None:
    identifier = new_id()
    assert (identifier.version, identifier.variant) == (7, uuid.RFC_4122)


def test_an_id_begins_with_the_moment_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_123_999_999)
    assert new_id().int >> 80 == 1_700_000_000_123


def test_later_ids_sort_behind_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(1_700_000_000_000, 1_700_000_000_050))
    monkeypatch.setattr(time, "time_ns", lambda: next(moments) * 1_000_000)
    made = [new_id() for _ in range(50)]
    assert made == sorted(made)
    assert [str(identifier) for identifier in made] == sorted(map(str, made))


def test_ids_of_one_millisecond_differ_and_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_ids_of_many_threads_differ() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(5_000)))
    assert len(set(made)) == 5_000


def test_a_clock_that_stumbles_changes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1_700_000_000_500, 1_700_000_000_100, 1_700_000_000_101])
    monkeypatch.setattr(time, "time_ns", lambda: next(moments) * 1_000_000)
    made = [new_id() for _ in range(3)]
    assert made == sorted(made)


def test_a_clock_that_was_set_back_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1_700_000_009_000, 1_700_000_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(moments) * 1_000_000)
    assert new_id() > new_id()


def test_no_id_of_a_later_moment_is_below_that_moment() -> None:
    now = datetime.now(UTC)
    assert first_id_at(now) <= new_id()


def test_an_id_is_read_back_from_its_text() -> None:
    identifier = new_id()
    assert parse_id(str(identifier)) == identifier


@pytest.mark.parametrize("text", ["", "1", "nonsense", "../../etc/passwd", "g" * 32, "0" * 33, None, 7])
def test_what_is_no_id_reads_as_none(text: str) -> None:
    assert parse_id(text) is None
