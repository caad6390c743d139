"""One command's work on a batch: claim it, send its files with measure, hand on the results in order."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep
from typing import Final
from uuid import UUID

from classifier.batch_jobs import ClaimedBatch, FoundFile, claim_batch, find_lease, finish_batch, keep_batch
from classifier.batch_places import BatchPlace
from classifier.batch_results import BatchResult, read_ended
from classifier.batch_sending import BatchSender, Wish
from classifier.errors import Conflict
from classifier.heartbeats import live_workers

PAUSE_SECONDS: Final = 0.1
KEEP_SECONDS: Final = 5.0
QUIET_SECONDS: Final = 10.0
NO_WORKER: Final = (
    "No gpu worker is running, so nothing is answered. Start one (make run, or celery -A tasks worker -Q gpu): "
    "this command waits for it."
)
SILENT: Final = "Another process worked on this batch a moment ago. Waiting whether it is still there …"
BUSY: Final = "Another process is working on this batch just now. Wait for it, or stop it and run this again."
ENDED: Final = "Another process has just ended this batch. Run the command again to begin afresh."
Say = Callable[[str], None]


def claim_patiently(*, batch_id: UUID, say: Say) -> ClaimedBatch:
    """The batch in our hands, at the latest when the lease of a killed process is over.

    Raises Conflict where another process is alive, or has ended the batch.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}"
    batch = claim_batch(batch_id=batch_id, worker=worker)
    if batch:
        return batch
    say(SILENT)
    first_seen = find_lease(batch_id)
    while batch is None:
        sleep(PAUSE_SECONDS)
        batch = claim_batch(batch_id=batch_id, worker=worker)
        lease = find_lease(batch_id)
        if lease is None:
            raise Conflict(ENDED)
        if batch is None and lease != first_seen:
            raise Conflict(BUSY)
    return batch


def find_files(places: Sequence[BatchPlace]) -> Iterator[FoundFile]:
    """All files of all places, place by place."""
    for number, place in enumerate(places):
        for shown in place.walk():
            yield FoundFile(number, shown)


def run_batch(
    *,
    batch: ClaimedBatch,
    wish: Wish,
    most_waiting: int,
    threads: int,
    on_results: Callable[[list[BatchResult]], None],
    say: Say,
) -> None:
    """Send what is unsent, at most `most_waiting` files ahead of the results, until every file has its result.

    `on_results` is told all results in order, those of earlier runs too. Raises StorageUnavailable, DatabaseError where
    trouble does not pass, Conflict where another process took over; the rows then stand as far as it came.
    """
    shown = 0
    watch = _Watch(batch, say)
    with BatchSender(batch, wish, threads=threads) as sender:
        while shown < batch.item_count:
            sender.send_until(shown + most_waiting)
            settled = sender.settle()
            results = read_ended(batch, first=shown, sent=sender.sent)
            if results:
                on_results(results)
                shown += len(results)
            watch.look(is_moving=settled or bool(results))
            if not (settled or results):
                sleep(PAUSE_SECONDS)
    finish_batch(batch)


class _Watch:
    """Keeps the lease, and says once when nothing moves because nobody predicts."""

    def __init__(self, batch: ClaimedBatch, say: Say) -> None:
        self._batch, self._say = batch, say
        self._kept = self._moved = monotonic()
        self._has_said = False

    def look(self, *, is_moving: bool) -> None:
        """Raises Conflict where the batch is no longer ours."""
        now = monotonic()
        if now - self._kept >= KEEP_SECONDS:
            keep_batch(self._batch)
            self._kept = now
        if is_moving:
            self._moved, self._has_said = now, False
        elif now - self._moved >= QUIET_SECONDS and not self._has_said and not live_workers("gpu"):
            self._say(NO_WORKER)
            self._has_said = True
