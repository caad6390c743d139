"""The default worker's thread for imports finds what a lost message should have told it, and never gives up."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from classifier.errors import StorageUnavailable
from tasks import import_loop
from tasks.import_jobs import run
from tasks.import_loop import BELL, ImportLoop, ImportStep
from tasks.worker_threads import _running

JOB = UUID(int=1)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[threading.Event]:
    """An event for each of the first four rounds; the first two meet a database and a storage that are away."""
    settings.IMPORT_POLL_SECONDS = 0.01
    events = [threading.Event() for _ in range(4)]
    left = iter(events)
    troubles = iter([OperationalError("away"), StorageUnavailable("away")])

    def find() -> None:
        event = next(left, None)
        if event is not None:
            event.set()
        problem = next(troubles, None)
        if problem is not None:
            raise problem

    monkeypatch.setattr(import_loop, "find_due_import", find)
    monkeypatch.setattr(import_loop, "forget_ended_uploads", lambda: 0)
    monkeypatch.setattr("tasks.worker_threads.close_old_connections", lambda: None)
    return events


@pytest.fixture
def loop() -> Any:
    made = ImportLoop()
    yield made
    made.stop(60)
    assert not made.is_alive()


def test_it_polls_again_and_again_also_after_trouble(rounds: list[threading.Event], loop: ImportLoop) -> None:
    loop.start()
    assert all(event.wait(60) for event in rounds)


def test_a_message_wakes_it_before_the_poll(
    rounds: list[threading.Event], loop: ImportLoop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IMPORT_POLL_SECONDS = 600
    monkeypatch.setitem(_running, BELL, loop)
    loop.start()
    assert rounds[0].wait(60)
    run("any")
    assert rounds[1].wait(60)


def test_a_message_to_a_worker_without_the_loop_changes_nothing() -> None:
    run("any")


def test_it_pauses_after_trouble_that_may_pass(
    monkeypatch: pytest.MonkeyPatch, rounds: list[threading.Event], loop: ImportLoop, settings: Any
) -> None:
    settings.IMPORT_POLL_SECONDS = 600
    tried = threading.Event()
    claims: list[UUID] = []

    def claim(job_id: UUID, worker: str) -> str:
        claims.append(job_id)
        return "claimed"

    monkeypatch.setattr(import_loop, "find_due_import", lambda: JOB)
    monkeypatch.setattr(import_loop, "claim_import", claim)
    monkeypatch.setattr(import_loop, "carry_out", lambda job, is_stopping: False)
    monkeypatch.setattr(import_loop, "forget_ended_uploads", tried.set)
    loop.start()
    assert tried.wait(60)
    assert claims == [JOB]


def test_the_loop_has_a_bell_of_its_own_beside_the_housekeeping() -> None:
    assert (ImportStep.queue, ImportStep.bell) == ("default", "imports")
