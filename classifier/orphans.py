"""Objects without a row: what an upload leaves behind when it dies between storing and committing, and what was being
made of an image while it was deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import structlog
from django.conf import settings
from django.utils import timezone

from classifier.derivatives import PREFIX
from classifier.identifiers import parse_id
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


def remove_orphan_derivatives(*, older_than_seconds: float | None = None) -> int:
    """Remove what was made of images that are gone; returns how many."""
    keys = list(find_orphan_derivatives(older_than_seconds=older_than_seconds))
    for key in keys:
        delete_object(key)
    if keys:
        logger.info("orphan_derivatives_removed", objects=len(keys))
    return len(keys)


def find_orphan_derivatives(*, older_than_seconds: float | None = None) -> Iterator[str]:
    """Keys below derived/ whose image has no row, old enough as above."""
    age = settings.ORPHAN_OBJECT_SECONDS if older_than_seconds is None else older_than_seconds
    limit = timezone.now() - timedelta(seconds=age)
    old = (found.key for found in list_objects(PREFIX) if found.modified <= limit)
    for keys in _slices(old, 500):
        owners = {key: parse_id(key.split("/")[1]) for key in keys}
        wanted = {identifier for identifier in owners.values() if identifier}
        known = set(Image.objects.filter(id__in=wanted).values_list("id", flat=True))
        yield from (key for key in keys if owners[key] not in known)


def _slices(keys: Iterator[str], size: int) -> Iterator[list[str]]:
    while part := list(islice(keys, size)):
        yield part
