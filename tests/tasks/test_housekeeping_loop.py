"""The default worker finds what a lost message should have told it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError

from tasks import housekeeping_loop
from tasks.housekeeping_loop import HousekeepingLoop


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[threading.Event]:
    """An event for each of the first three rounds; the first round meets a database that is away."""
    settings.HOUSEKEEPING_POLL_SECONDS = 0.01
    events = [threading.Event() for _ in range(3)]
    left = iter(events)

    def follow_up(**options: Any) -> None:
        event = next(left, None)
        if event is not None:
            event.set()
        if event is events[0]:
            raise OperationalError("the database is away")

    monkeypatch.setattr(housekeeping_loop, "follow_up_promotions", follow_up)
    monkeypatch.setattr("tasks.worker_threads.close_old_connections", lambda: None)
    monkeypatch.setattr(housekeeping_loop, "expire_promotions", lambda: 0)
    return events


def test_it_polls_again_and_again_also_after_trouble_with_the_database(rounds: list[threading.Event]) -> None:
    loop = HousekeepingLoop()
    loop.start()
    try:
        assert all(event.wait(60) for event in rounds)
    finally:
        loop.stop(60)
    assert not loop.is_alive()


def test_the_bell_wakes_it_before_the_poll(rounds: list[threading.Event], settings: Any) -> None:
    settings.HOUSEKEEPING_POLL_SECONDS = 600
    loop = HousekeepingLoop()
    loop.start()
    try:
        assert rounds[0].wait(60)
        loop.wake()
        assert rounds[1].wait(60)
    finally:
        loop.stop(60)
    assert not loop.is_alive()
