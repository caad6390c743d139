"""T16: everybody writes to one SQLite file at once, and every part is killed in the middle of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.bulk_editor import REVIEWS, BulkEditor
from tests.faults.history import ORPHANS, History
from tests.faults.load_client import Reply, percentile, send_from_many, upload_request, write_down
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

SECONDS = 60 * float(os.environ.get("FAULT_MINUTES", "1"))
WORKERS = ("worker", "second", "third")
EIGHT_THREADS = {"HTTP_THREADS": "8", "PREDICTION_BATCH_SECONDS": "8", "PREDICTION_LEASE_SECONDS": "10"}
KILLS = 20
WRITE_SECONDS = 0.5
LOCKED = "database is locked"


@pytest.fixture
def stack(stack: Stack) -> Stack:
    if stack.environment["DATABASE_URL"].startswith("postgres"):
        pytest.skip("this is about SQLite's one writer")
    for name in WORKERS[1:]:
        stack.start_worker(name)
    return stack


def send_for(stack: Stack, seconds: float, *, first: int = 0) -> list[Reply]:
    """Eight people who send one new picture after the other."""
    requests = (upload_request(png_bytes(seed)) for seed in itertools.count(first))
    return asyncio.run(send_from_many(stack.port, requests, senders=8, seconds=seconds))


def outputs_with(stack: Stack, words: str) -> list[str]:
    """Parts that wrote these words into their logs."""
    return [path.name for path in stack.folder.glob("*.out") if words in path.read_text(errors="replace")]


def integrity(stack: Stack) -> str:
    with sqlite3.connect(stack.folder / "db.sqlite3", timeout=20) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])


class WriteProbe(threading.Thread):
    """One more writer, twenty times a second: how long does a write take, waiting for its turn included?"""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self._file = stack.folder / "db.sqlite3"
        self._ended = threading.Event()

    def run(self) -> None:
        with sqlite3.connect(self._file, timeout=20, isolation_level=None) as database:
            while not self._ended.wait(0.05):
                started = time.monotonic()
                database.execute("BEGIN IMMEDIATE")
                database.execute("UPDATE classifier_classifier SET name = name")
                database.execute("COMMIT")
                self.seconds.append(time.monotonic() - started)

    def finish(self) -> None:
        self._ended.set()
        self.join(60)


@pytest.mark.parametrize("stack", [EIGHT_THREADS], indirect=True)
def test_t16_everybody_writing_at_once_meets_no_locked_database(
    stack: Stack, history: History, record_property: Callable[[str, object], None]
) -> None:
    others = BulkEditor(stack), WriteProbe(stack)
    for other in others:
        other.start()
    replies = send_for(stack, SECONDS)
    for other in others:
        other.finish()
    editor, probe = others
    write_down(history, replies)
    found: dict[str, Any] = {
        "answers": dict(Counter(reply.status for reply in replies)),
        "upload_p99": round(percentile((reply.seconds for reply in replies), 0.99), 3),
        "write_p99": round(percentile(probe.seconds, 0.99), 3),
        "edits": dict(Counter(editor.statuses)),
        "reviews": stack.query(REVIEWS),
    }
    record_property("T16", found)
    history.await_quiet(60)
    history.check()
    assert outputs_with(stack, LOCKED) == []
    assert found["answers"].keys() == {201}, found
    assert found["edits"].keys() == {302}, found
    assert found["reviews"] > 0
    assert found["write_p99"] <= WRITE_SECONDS, found
    assert integrity(stack) == "ok"


@pytest.mark.parametrize("stack", [EIGHT_THREADS], indirect=True)
def test_t16_parts_killed_while_they_write_leave_the_file_whole(stack: Stack, history: History) -> None:
    chance = random.Random(16)
    ended = threading.Event()

    def keep_sending() -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            write_down(history, send_for(stack, 1, first=number * 1_000_000))

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        for name in itertools.islice(itertools.cycle(("web", *WORKERS)), KILLS):
            before = history.outcomes[201]
            await_that(lambda seen=before: history.outcomes[201] > seen, 60, "uploads go on")  # type: ignore[misc]
            ended.wait(chance.uniform(0, 1))
            stack.kill(name)
            assert integrity(stack) == "ok"
            if name == "web":
                stack.start_web()
            else:
                stack.start_worker(name)
            history.rounds += 1
    finally:
        ended.set()
        sender.join()
    stack.await_web()
    history.await_quiet(90)
    history.check()
    stack.query(ORPHANS)
    assert stack.query(ORPHANS) == 0
    assert outputs_with(stack, LOCKED) == []
    assert set(history.outcomes) <= {201, 0}
    assert integrity(stack) == "ok"
