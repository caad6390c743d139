"""Objects without a row: what an upload leaves behind when it dies between storing and committing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import structlog
from django.conf import settings
from django.utils import timezone

from classifier.models import Image
from classifier.object_storage import delete_object, list_objects

logger = structlog.get_logger(__name__)


def remove_orphans(*, older_than_seconds: float | None = None) -> int:
    """Remove image objects of the last two days that are old enough and named by no row; returns how many.

    Old enough is ORPHAN_OBJECT_SECONDS by default: no upload takes that long between storing and committing.
    """
    age = settings.ORPHAN_OBJECT_SECONDS if older_than_seconds is None else older_than_seconds
    now = timezone.now()
    removed = 0
    for day in range(3):
        prefix = f"images/{(now - timedelta(days=day)):%Y/%m/%d}/"
        old = (found.key for found in list_objects(prefix) if found.modified <= now - timedelta(seconds=age))
        for keys in _slices(old, 500):
            known = set(Image.objects.filter(storage_key__in=keys).values_list("storage_key", flat=True))
            for key in keys:
                if key not in known:
                    delete_object(key)
                    removed += 1
    if removed:
        logger.info("orphan_objects_removed", objects=removed)
    return removed


def _slices(keys: Iterator[str], size: int) -> Iterator[list[str]]:
    while part := list(islice(keys, size)):
        yield part
