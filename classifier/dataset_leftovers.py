"""What no dataset's row names any more: objects of killed imports and rewrites, files in this machine's caches."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from classifier.datasets import PREFIX
from classifier.identifiers import parse_id
from classifier.models import Dataset, EvaluationRequest, TrainingRun
from classifier.object_storage import StoredObject, delete_object, list_objects

logger = structlog.get_logger(__name__)

CONTENTS: Final = ".contents"
"""Ends the name of a list of contents (tasks/dataset_contents.py), which begins with the dataset's digest."""


def remove_orphan_datasets(*, older_than_seconds: float | None = None) -> int:
    """Remove packed files no row names, what an import or a rewrite leaves that was killed; returns how many."""
    keys = [key for key, _ in find_orphan_files(older_than_seconds=older_than_seconds)]
    for key in keys:
        delete_object(key)
    if keys:
        logger.info("orphan_dataset_files_removed", objects=len(keys))
    return len(keys)


def find_orphan_files(*, older_than_seconds: float | None = None) -> Iterator[tuple[str, int]]:
    """`(key, size)` of packed files that no row names.

    An import or a rewrite in progress is known by its newest file being young (ORPHAN_OBJECT_SECONDS).
    """
    age = settings.ORPHAN_OBJECT_SECONDS if older_than_seconds is None else older_than_seconds
    limit = timezone.now() - timedelta(seconds=age)
    for owner, files in groupby(list_objects(PREFIX), key=lambda found: found.key.split("/")[1]):
        found = list(files)
        named = _named_keys(parse_id(owner))  # after the listing: what was named meanwhile is no orphan
        left = [file for file in found if file.key not in named]
        if left and _newest(left) <= limit:
            yield from ((file.key, file.size) for file in left)


def forget_cached_datasets(cache_dir: Path) -> None:
    """Remove from this machine what datasets do not hold (any more): whole folders, files of before a rewrite, lists.

    Files of before a rewrite stay while a training or a measurement of the classifier may be reading them.
    """
    rows = {row.id.hex: row for row in Dataset.objects.only("id", "classifier_id", "digest", "shards")}
    digests = {row.digest for row in rows.values()}
    busy = _busy_classifiers()
    for path in cache_dir.iterdir() if cache_dir.is_dir() else ():
        row = rows.get(path.name)
        if path.name.endswith(CONTENTS):
            if path.name.removesuffix(CONTENTS) not in digests:
                path.unlink(missing_ok=True)
        elif row is None:
            shutil.rmtree(path, ignore_errors=True)
        elif row.classifier_id not in busy:
            named = {entry["key"].rpartition("/")[2] for entry in row.shards}
            for file in path.iterdir():
                if file.name not in named and not file.name.startswith("."):
                    file.unlink(missing_ok=True)


def _named_keys(identifier: UUID | None) -> set[str]:
    row = Dataset.objects.only("shards").filter(id=identifier).first() if identifier else None
    return {entry["key"] for entry in row.shards} if row else set()


def _newest(files: list[StoredObject]) -> datetime:
    return max(file.modified for file in files)


def _busy_classifiers() -> set[UUID]:
    training = TrainingRun.objects.filter(state=TrainingRun.State.RUNNING).values_list("classifier_id", flat=True)
    measured = EvaluationRequest.objects.filter(state=EvaluationRequest.State.RUNNING)
    return {*training, *measured.values_list("version__classifier_id", flat=True)}
