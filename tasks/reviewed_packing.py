"""Reviewed images into a packed folder, as a dataset is one, so that training reads both in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from classifier.object_storage import ObjectMissing, read_object
from classifier.reviewed_examples import ReviewedExample
from ml.shards import PackedExample, ShardWriter
from tasks.dataset_packing import NO_NEAR_DUPLICATES

logger = structlog.get_logger(__name__)

OnProgress = Callable[[int, int], None]
READERS: Final = 8
_WAITING: Final = 64


def pack_reviewed(
    examples: Sequence[ReviewedExample], folder: Path, *, on_progress: OnProgress = lambda done, total: None
) -> None:
    """Write them into `folder`, which must not exist; each content once.

    An image that was deleted in the meantime is left out. Raises StorageUnavailable.
    """
    distinct = list({example.content: example for example in examples}.values())
    labels = sorted({example.label for example in distinct})
    place = {label: number for number, label in enumerate(labels)}
    with ShardWriter(folder, labels, has_official_test=False) as writer:
        for done, (example, data) in enumerate(_read_all(distinct), 1):
            if data is not None:
                writer.add(
                    PackedExample(
                        picture=data,
                        label_index=place[example.label],
                        content=example.content,
                        difference_hash=example.difference_hash or NO_NEAR_DUPLICATES,
                        is_official_test=False,
                    )
                )
            on_progress(done, len(distinct))


def _read_all(examples: Sequence[ReviewedExample]) -> Iterator[tuple[ReviewedExample, bytes | None]]:
    """In order, some at a time, a bounded number in memory."""
    with ThreadPoolExecutor(READERS, thread_name_prefix="reviewed") as pool:
        for first in range(0, len(examples), _WAITING):
            part = examples[first : first + _WAITING]
            yield from zip(part, pool.map(_read, part), strict=True)


def _read(example: ReviewedExample) -> bytes | None:
    try:
        return read_object(example.storage_key)
    except ObjectMissing:
        logger.warning("reviewed_image_missing", image=str(example.image_id))
        return None
