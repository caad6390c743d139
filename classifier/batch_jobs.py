"""The life of a batch: claimed by one command at a time, its files listed, sent in order, ended, forgotten.

Nothing here reads a file or waits. Every move names the claim that it was made with; a lost one changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from classifier.database_time import moments_from_now
from classifier.errors import Conflict
from classifier.models import BatchItem, BatchJob, Classifier, Image, ModelVersion, Prediction
from classifier.prepared_updates import database_id, update_rows
from classifier.write_transactions import write_transaction

State = BatchJob.State
LISTED_AT_ONCE: Final = 1000
FORGOTTEN_AT_ONCE: Final = 5000
LOST: Final = "Another process has taken this batch over. Nothing is lost; look there how far it is."
NO_TEXT: Final = "Its name is not text (UTF-8). Rename it."


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A batch in this process' hands; `claim` is the fence."""

    id: UUID
    claim: int
    created_at: datetime
    is_listed: bool
    item_count: int
    sent_count: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Equal as long as nobody takes, keeps or gives back the batch."""

    claim: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file as a place names it."""

    place_number: int
    shown: str


@dataclass(frozen=True, slots=True)
class SentItem:
    """What became of one file when it was sent: an image and the prediction to wait for, or a refusal."""

    number: int
    image_id: UUID | None = None
    prediction_id: UUID | None = None
    refusal_code: str = ""
    refusal: str = ""


def find_or_create_batch(*, classifier: Classifier, wished_version: ModelVersion | None, places: list[str]) -> UUID:
    """The running batch of exactly these arguments, or a new one."""
    print_of_it = _fingerprint(classifier, wished_version, places)
    while True:
        running = BatchJob.objects.filter(fingerprint=print_of_it, state=State.RUNNING)
        if found := running.values_list("id", flat=True).first():
            return found
        try:
            with write_transaction():
                return BatchJob.objects.create(
                    classifier=classifier, wished_version=wished_version, places=places, fingerprint=print_of_it
                ).id
        except IntegrityError:
            continue  # the same command was started twice at this moment


def claim_batch(*, batch_id: UUID, worker: str) -> ClaimedBatch | None:
    """For BATCH_LEASE_SECONDS; None while another process has it, or where it has ended."""
    with write_transaction():
        rows = BatchJob.objects.filter(_is_free(), id=batch_id, state=State.RUNNING)
        if not rows.update(
            worker=worker[:120], claim=F("claim") + 1, lease_until=moments_from_now(settings.BATCH_LEASE_SECONDS)
        ):
            return None
        job = BatchJob.objects.get(id=batch_id)
        return ClaimedBatch(
            job.id, job.claim, job.created_at, job.listed_at is not None, job.item_count, job.sent_count
        )


def find_lease(batch_id: UUID) -> Lease | None:
    """In whose hands a running batch is, and until when; None where it has ended."""
    running = BatchJob.objects.filter(id=batch_id, state=State.RUNNING)
    found = running.values_list("claim", "lease_until").first()
    return Lease(*found) if found else None


def keep_batch(batch: ClaimedBatch) -> None:
    """Say that this process lives. Raises Conflict where the batch was taken over."""
    with write_transaction():
        _change(batch, lease_until=moments_from_now(settings.BATCH_LEASE_SECONDS))


def release_batch(batch: ClaimedBatch) -> None:
    """Another process may go on at once. Quiet where it does already."""
    with write_transaction():
        _own_row(batch).update(lease_until=Now(), worker="")


def list_files(batch: ClaimedBatch, files: Iterator[FoundFile], *, on_listed: Callable[[int], None]) -> ClaimedBatch:
    """Write a row for each file, a slice in a transaction. Raises Conflict, StorageUnavailable.

    What an interrupted listing left is removed first: nothing of it was sent.
    """
    while _remove_slice(batch.id):
        keep_batch(batch)
    listed = 0
    while part := list(islice(files, LISTED_AT_ONCE)):
        with write_transaction():
            _change(batch, lease_until=moments_from_now(settings.BATCH_LEASE_SECONDS))
            BatchItem.objects.bulk_create([_make_item(batch, listed + index, file) for index, file in enumerate(part)])
        listed += len(part)
        on_listed(listed)
    with write_transaction():
        _change(batch, listed_at=Now(), item_count=listed)
    return replace(batch, is_listed=True, item_count=listed)


def read_unsent(batch: ClaimedBatch, *, first: int, count: int) -> list[BatchItem]:
    """The items from `first` on, those refused when they were listed included."""
    rows = BatchItem.objects.filter(job=batch.id, number__gte=first, number__lt=first + count)
    return list(rows.order_by("number"))


def record_sent(batch: ClaimedBatch, items: Sequence[SentItem]) -> None:
    """What became of the next items in order. Raises Conflict where another process has the batch."""
    first, count = items[0].number, len(items)
    with write_transaction():
        if (
            not _own_row(batch)
            .filter(sent_count=first)
            .update(sent_count=first + count, lease_until=moments_from_now(settings.BATCH_LEASE_SECONDS))
        ):
            raise Conflict(LOST)
        _write_outcomes(batch.id, items)


def finish_batch(batch: ClaimedBatch) -> None:
    """running → done. Raises Conflict."""
    with write_transaction():
        _change(batch, state=State.DONE, done_at=Now(), lease_until=None)


def forget_old_batches(*, seconds: float = 60.0) -> int:
    """Housekeeping: rows of batches that ended, or were last touched, BATCH_KEEP_DAYS ago; returns how many batches.

    The images stay. A large batch goes a slice at a time, for at most `seconds`; the next round goes on.
    """
    ends = time.monotonic() + seconds
    limit = Now() - timedelta(days=settings.BATCH_KEEP_DAYS)
    untouched = Q(created_at__lt=limit) & (Q(lease_until__isnull=True) | Q(lease_until__lt=limit))
    old = BatchJob.objects.filter(Q(state=State.DONE, done_at__lt=limit) | (Q(state=State.RUNNING) & untouched))
    forgotten = 0
    for batch_id in list(old.order_by("id").values_list("id", flat=True)[:1000]):
        while _remove_slice(batch_id):
            if time.monotonic() >= ends:
                return forgotten
        with write_transaction():
            forgotten += bool(BatchJob.objects.filter(id=batch_id).delete()[0])
    return forgotten


def _fingerprint(classifier: Classifier, wished_version: ModelVersion | None, places: Iterable[str]) -> str:
    asked = [str(classifier.id), str(wished_version.id) if wished_version else "", *places]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _make_item(batch: ClaimedBatch, number: int, file: FoundFile) -> BatchItem:
    shown = file.shown.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    item = BatchItem(job_id=batch.id, number=number, place=shown, place_number=file.place_number)
    if shown != file.shown:
        item.refusal_code, item.refusal = "not_found", NO_TEXT
    return item


def _write_outcomes(batch_id: UUID, items: Sequence[SentItem]) -> None:
    images, predictions = _still_there(items)
    statement = (
        f"UPDATE {BatchItem._meta.db_table} SET image_id = %s, prediction_id = %s, refusal_code = %s, refusal = %s "  # noqa: S608 - constants
        "WHERE job_id = %s AND number = %s"
    )
    job = database_id(batch_id)
    rows = [
        (
            database_id(item.image_id if item.image_id in images else None),
            database_id(item.prediction_id if item.prediction_id in predictions else None),
            item.refusal_code[:40],
            item.refusal[:300],
            job,
            item.number,
        )
        for item in items
    ]
    update_rows(statement, rows)


def _still_there(items: Sequence[SentItem]) -> tuple[set[UUID], set[UUID]]:
    """Images and predictions that nobody has deleted since they were made."""
    images = Image.objects.filter(id__in=[item.image_id for item in items if item.image_id])
    predictions = Prediction.objects.filter(id__in=[item.prediction_id for item in items if item.prediction_id])
    return set(images.values_list("id", flat=True)), set(predictions.values_list("id", flat=True))


def _own_row(batch: ClaimedBatch) -> QuerySet[BatchJob]:
    return BatchJob.objects.filter(id=batch.id, state=State.RUNNING, claim=batch.claim)


def _is_free() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lte=Now())


def _change(batch: ClaimedBatch, **fields: object) -> None:
    if not _own_row(batch).update(**fields):
        raise Conflict(LOST)


def _remove_slice(batch_id: UUID) -> bool:
    rows = BatchItem.objects.filter(job=batch_id)
    first = rows.order_by("number").values_list("number", flat=True).first()
    if first is None:
        return False
    with write_transaction():
        rows.filter(number__lt=first + FORGOTTEN_AT_ONCE).delete()
    return True
