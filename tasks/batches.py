"""One claimed batch: read, prepare each image by itself, predict together, write. One bad picture fails alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from uuid import UUID

import numpy as np
import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.storage.filesystem import FileSystemStorage
from django.utils import timezone

from classifier.errors import StorageUnavailable
from classifier.failpoints import failpoint
from classifier.object_storage import ObjectMissing, read_object
from classifier.prediction_results import AnswerRow, complete_batch
from classifier.predictions import ClaimedPrediction, Failure, fail_predictions, release_predictions
from classifier.waiting_times import counter_names
from ml.data_types import Answer
from ml.images import UnreadableImage
from tasks.counters import counters
from tasks.loaded_models import HeldModel

logger = structlog.get_logger(__name__)

DAMAGED = Failure("stored_file_damaged", "The stored file of this picture is missing or damaged.")
UNREADABLE = Failure("unreadable", "The model could not read this picture.")
NOT_PREDICTED = Failure("prediction_failed", "The model failed on this picture.")

_readers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="object-reader")


def predict_claimed(items: Sequence[ClaimedPrediction], held: HeldModel) -> list[UUID]:
    """Predict a claimed batch with one model; returns the images whose newest prediction changed for a viewer.

    Raises whatever a model raises that cannot even answer for a blank picture; then nothing counts against the images.
    """
    failed: list[tuple[ClaimedPrediction, Failure]] = []
    with counters.timed("read"):
        stored = _read_all(items)
    unreachable = [item for item, data in zip(items, stored, strict=True) if isinstance(data, StorageUnavailable)]
    with counters.timed("prepare"):
        ready, arrays = _prepare_all(items, stored, held, failed)
    try:
        with counters.timed("predict"):
            answers = _predict(ready, arrays, held, failed)
    except Exception:
        release_predictions(items, delay_seconds=settings.PREDICTION_RETRY_SECONDS)
        raise
    failpoint("after-infer")
    changed: list[UUID] = []
    fenced = 0
    with counters.timed("write"):
        if answers:
            completion = complete_batch(version_id=held.version_id, answers=answers)
            changed += completion.image_ids
            fenced = completion.fenced
        if failed:
            changed += fail_predictions(failed)
        if unreachable:
            release_predictions(unreachable, delay_seconds=settings.PREDICTION_RETRY_SECONDS)
    _count_waits(answers)
    counters.add("batches")
    counters.add("predictions.done", len(answers) - fenced)
    counters.add("predictions.fenced", fenced)
    counters.add("predictions.failed", len(failed))
    counters.add("predictions.released", len(unreachable))
    _log_batch(held, answers, failed)
    failpoint("before-push")
    return changed


def _log_batch(
    held: HeldModel, answers: Sequence[AnswerRow], failed: Sequence[tuple[ClaimedPrediction, Failure]]
) -> None:
    """One line a batch: which requests' predictions it answered."""
    items = [answer.item for answer in answers]
    logger.info(
        "batch_predicted",
        version=str(held.version_id),
        requests=sorted({item.request_id for item in items if item.request_id}),
        predictions=[str(item.id) for item in items],
        failed=len(failed),
    )


def _count_waits(answers: Sequence[AnswerRow]) -> None:
    """From the wish to the stored answer; clocks of two machines may differ, but nothing takes less than no time."""
    now = timezone.now()
    for answer in answers:
        seconds = max(0.0, (now - answer.item.queued_at).total_seconds())
        bucket, total = counter_names(answer.item.priority, seconds)
        counters.add(bucket)
        counters.add(total, seconds)


def _prepare_all(
    items: Sequence[ClaimedPrediction],
    stored: Sequence[bytes | ObjectMissing | StorageUnavailable],
    held: HeldModel,
    failed: list[tuple[ClaimedPrediction, Failure]],
) -> tuple[list[ClaimedPrediction], list[np.ndarray]]:
    """The readable images as arrays; the unreadable ones are added to `failed`."""
    ready: list[ClaimedPrediction] = []
    arrays: list[np.ndarray] = []
    for item, data in zip(items, stored, strict=True):
        if isinstance(data, StorageUnavailable):
            continue
        failpoint("mid-batch")
        try:
            arrays.append(_prepare(item, data, held))
            ready.append(item)
        except (ObjectMissing, UnreadableImage) as problem:
            logger.warning("image_failed", **_ids(item), error=str(problem))
            failed.append((item, UNREADABLE if isinstance(problem, UnreadableImage) else DAMAGED))
        except Exception:
            logger.exception("image_failed", **_ids(item))
            failed.append((item, UNREADABLE))
    return ready, arrays


def _ids(item: ClaimedPrediction) -> dict[str, str | None]:
    return {"request": item.request_id, "prediction": str(item.id), "image": str(item.image_id)}


def _read_all(items: Sequence[ClaimedPrediction]) -> list[bytes | ObjectMissing | StorageUnavailable]:
    """Every item's stored bytes, or what went wrong; remote stores are asked in parallel.

    Reading gets half the batch's time: the watchdog must not end this process because a store has gone mute.
    """
    if isinstance(default_storage, FileSystemStorage):
        return [_read(item) for item in items]
    reads = [_readers.submit(_read, item) for item in items]
    wait(reads, timeout=settings.PREDICTION_BATCH_SECONDS / 2)
    return [StorageUnavailable() if read.cancel() or not read.done() else read.result() for read in reads]


def _read(item: ClaimedPrediction) -> bytes | ObjectMissing | StorageUnavailable:
    try:
        return read_object(item.storage_key)
    except (ObjectMissing, StorageUnavailable) as problem:
        return problem


def _prepare(item: ClaimedPrediction, data: bytes | ObjectMissing, held: HeldModel) -> np.ndarray:
    if isinstance(data, ObjectMissing):
        raise data
    if hashlib.sha256(data).hexdigest() != item.file_sha256:
        raise ObjectMissing(f"{item.storage_key} is not the file that was stored")
    return held.predictor.prepare(data)


def _predict(
    ready: Sequence[ClaimedPrediction],
    arrays: Sequence[np.ndarray],
    held: HeldModel,
    failed: list[tuple[ClaimedPrediction, Failure]],
) -> list[AnswerRow]:
    """The batch at once; when that raises, one by one, so that only the guilty image fails.

    An image is guilty when the model fails on it and not on a blank one.
    """
    if not ready:
        return []
    try:
        answers = held.predictor.predict(np.stack(arrays))
    except Exception as problem:  # noqa: BLE001 - whatever the framework raises; each image is judged alone below
        if len(ready) == 1:
            held.predictor.predict(np.zeros_like(arrays[0])[None])
            logger.warning("prediction_failed", **_ids(ready[0]), error=repr(problem))
            failed.append((ready[0], NOT_PREDICTED))
            return []
        rows: list[AnswerRow] = []
        for item, array in zip(ready, arrays, strict=True):
            rows += _predict([item], [array], held, failed)
        return rows
    return [_row(item, answer) for item, answer in zip(ready, answers, strict=True)]


def _row(item: ClaimedPrediction, answer: Answer) -> AnswerRow:
    return AnswerRow(item, answer.label_index, answer.confidence, answer.scores, answer.unsure, answer.unfamiliar)
