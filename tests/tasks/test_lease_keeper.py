"""Keeping a lease: what the row says is heard; trouble with the database is borne for one lease, of whatever kind."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from django.db import Error, InterfaceError, OperationalError

from tasks.lease_keeper import LeaseKeeper


@dataclass(frozen=True)
class Answer:
    is_mine: bool = True
    is_cancelled: bool = False


class Keeper(LeaseKeeper):
    """Answers as it is told to."""

    def __init__(self, answer: Answer | Error, *, lease_seconds: float = 60.0) -> None:
        super().__init__("keeper", lease_seconds=lease_seconds, pause_seconds=0.005)
        self.answer: Answer | Error = answer
        self.asked = 0

    def say_alive(self) -> Answer:
        self.asked += 1
        if isinstance(self.answer, Error):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [Answer(is_mine=False), Answer(is_cancelled=True)])
def test_work_that_was_cancelled_or_taken_over_must_stop(answer: Answer) -> None:
    keeper = Keeper(answer)
    assert not keeper.must_stop
    keeper.renew()
    assert keeper.must_stop


@pytest.mark.django_db
@pytest.mark.parametrize("problem", [OperationalError("away"), InterfaceError("the connection is closed")])
def test_a_database_that_is_away_for_a_moment_stops_nothing(problem: Error, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.lease_keeper.connection.close", lambda: None)
    keeper = Keeper(problem)
    keeper.renew()
    assert not keeper.must_stop
    keeper.answer = Answer()
    keeper.renew()
    assert not keeper.must_stop


def test_a_lease_that_could_not_be_renewed_for_its_whole_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.lease_keeper.connection.close", lambda: None)
    now = time.monotonic()
    keeper = Keeper(OperationalError("away"))
    monkeypatch.setattr("tasks.lease_keeper.time.monotonic", lambda: now + 61)
    keeper.renew()
    assert keeper.must_stop


def test_the_row_is_written_again_and_again_until_the_work_ends() -> None:
    with Keeper(Answer()) as keeper:
        ends = time.monotonic() + 10
        while keeper.asked < 3 and time.monotonic() < ends:
            time.sleep(0.005)
    assert keeper.asked >= 3
    assert not keeper._thread.is_alive()
