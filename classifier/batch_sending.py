"""Sending a batch's files through the gate: chunks on a few threads, recorded in the order of the files."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.batch_jobs import ClaimedBatch, SentItem, read_unsent, record_sent
from classifier.batch_places import BatchPlace
from classifier.dataset_archives import UnreadableFileError
from classifier.decode_pool import DecoderBusyError
from classifier.errors import Refused, StorageUnavailable
from classifier.models import BatchItem, Image, Prediction
from classifier.owners import Owner
from classifier.upload_requests import NothingAccepted, RefusedFile, SentFile
from classifier.uploads import accept_upload

logger = structlog.get_logger(__name__)

OWNER: Final = Owner("command", "classify")
"""Of all batches: a picture that an earlier one sent is found again, and neither stored nor asked twice."""
CHUNK: Final = 32
PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds between tries while the storage or the database is away."""
PASSING: Final = (StorageUnavailable, DecoderBusyError, DatabaseError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Wish:
    """What every file of the batch is asked."""

    classifier_slug: str
    version_id: str | None
    places: Sequence[BatchPlace]


class Stopped(Exception):  # noqa: N818 - says what happened
    """The command ends; the chunk in hand leaves nothing behind and is sent again by the next one."""


class BatchSender:
    """Keeps `threads` chunks under way; 0 sends in the caller's own thread. Use as a context manager."""

    def __init__(self, batch: ClaimedBatch, wish: Wish, *, threads: int) -> None:
        self._batch, self._wish, self._threads = batch, wish, threads
        self._next = self.sent = batch.sent_count
        self._under_way: deque[Future[list[SentItem]]] = deque()
        self._pool = ThreadPoolExecutor(max(1, threads), thread_name_prefix="batch-sender")
        self._is_stopping = False

    def __enter__(self) -> BatchSender:
        return self

    def __exit__(self, kind: type[BaseException] | None, *problem: object) -> None:
        self._is_stopping = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        if kind is KeyboardInterrupt:
            with suppress(Stopped):
                self.settle()

    def send_until(self, number: int) -> None:
        """Begin with chunks of what stands before `number`, as far as threads are free."""
        last = min(number, self._batch.item_count)
        while self._next < last and len(self._under_way) <= self._threads:
            items = read_unsent(self._batch, first=self._next, count=min(CHUNK, last - self._next))
            self._next += len(items)
            self._under_way.append(self._begin(items))

    def settle(self) -> bool:
        """Record the chunks that are through, as far as none before them is missing; False where there was none.

        Raises StorageUnavailable, DatabaseError, Conflict.
        """
        settled = False
        while self._under_way and self._under_way[0].done() and not self._under_way[0].cancelled():
            sent = self._under_way.popleft().result()
            record_sent(self._batch, sent)
            self.sent = sent[-1].number + 1
            settled = True
        return settled

    def _begin(self, items: list[BatchItem]) -> Future[list[SentItem]]:
        if self._threads:
            return self._pool.submit(self._send_in_thread, items)
        done: Future[list[SentItem]] = Future()
        done.set_result(self._send(items))
        return done

    def _send_in_thread(self, items: list[BatchItem]) -> list[SentItem]:
        try:
            close_old_connections()
            return self._send(items)
        finally:
            connection.close()

    def _send(self, items: list[BatchItem]) -> list[SentItem]:
        for pause in PAUSES:
            try:
                return self._send_once(items)
            except PASSING as problem:
                logger.warning("batch_chunk_failed", error=repr(problem))
                if not connection.in_atomic_block:
                    connection.close_if_unusable_or_obsolete()
                self._sleep(pause)
        return self._send_once(items)

    def _send_once(self, items: list[BatchItem]) -> list[SentItem]:
        return send_items(items, self._wish, is_stopping=lambda: self._is_stopping)

    def _sleep(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self._is_stopping:
            time.sleep(0.1)


def send_items(items: Sequence[BatchItem], wish: Wish, *, is_stopping: Callable[[], bool]) -> list[SentItem]:
    """One upload of these files. Doing it twice finds the same images.

    Raises StorageUnavailable, DatabaseError, and Stopped between two files.
    """
    wanted = [item for item in items if not item.refusal_code]
    refused = {
        item.number: SentItem(item.number, refusal_code=item.refusal_code, refusal=item.refusal)
        for item in items
        if item.refusal_code
    }
    outcomes = {**refused, **(_upload(wanted, wish, is_stopping) if wanted else {})}
    return [outcomes[item.number] for item in items]


def _upload(items: Sequence[BatchItem], wish: Wish, is_stopping: Callable[[], bool]) -> dict[int, SentItem]:
    files = [
        SentFile(item.place.rpartition("/")[2], _reader(wish.places[item.place_number], item, is_stopping))
        for item in items
    ]
    try:
        answer = accept_upload(
            files=files,
            owner=OWNER,
            source=Image.Source.COMMAND,
            priority=Prediction.BULK,
            classifier_slug=wish.classifier_slug,
            wished_version=wish.version_id,
        )
    except NothingAccepted as nothing:
        return _pair(items, [], nothing.rejected)
    return _pair(items, answer.images, answer.rejected)


def _pair(items: Sequence[BatchItem], images: Sequence[Image], rejected: Sequence[RefusedFile]) -> dict[int, SentItem]:
    """By number: images stand in sending order, refusals say their index."""
    refusals = {entry.index: entry for entry in rejected}
    accepted = iter(images)
    sent = {}
    for index, item in enumerate(items):
        if refusal := refusals.get(index):
            sent[item.number] = SentItem(item.number, refusal_code=refusal.code, refusal=refusal.message)
            continue
        image = next(accepted)
        sent[item.number] = SentItem(item.number, image.id, image.current_prediction_id)
    return sent


def _reader(place: BatchPlace, item: BatchItem, is_stopping: Callable[[], bool]) -> Callable[[], bytes]:
    def read() -> bytes:
        if is_stopping():
            raise Stopped
        try:
            return place.read(item.place, settings.UPLOAD_MAX_BYTES)
        except UnreadableFileError as problem:
            raise Refused("not_found", str(problem)) from problem

    return read
