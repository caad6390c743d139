"""Images against their stored files: two sorted streams side by side, so that a million rows need no memory.

The site goes on working meanwhile: whatever looks wrong is looked at once more before it is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Collate
from django.utils import timezone

from classifier.models import Deletion, Image
from classifier.object_storage import ObjectMissing, StoredObject, delete_object, list_objects, read_object, stat_object
from classifier.orphans import find_orphan_derivatives
from classifier.reconciling import Finding, Search

PREFIX: Final = "images/"
_PAGE: Final = 2000
_SLICE: Final = 500


class ImageFacts(NamedTuple):
    """What a row says about its file."""

    key: str
    id: UUID
    size: int
    sha256: str


def check_images(search: Search) -> Iterator[Finding]:
    """Missing, altered and nameless files below images/."""
    nameless: list[StoredObject] = []
    for count, (row, stored) in enumerate(_side_by_side(), 1):
        if count % 1000 == 0:
            search.on_progress("images", count)
        if row is None:
            assert stored is not None
            nameless.append(stored)
            if len(nameless) == _SLICE:
                yield from _judge_nameless(nameless, search)
                nameless = []
        elif stored is None:
            yield from _judge_missing(row)
        elif stored.size != row.size or search.deep:
            yield from _judge_content(row)
    yield from _judge_nameless(nameless, search)


def check_derivatives(search: Search) -> Iterator[Finding]:
    """What was made of images lies below derived/<image id>/."""
    for key in find_orphan_derivatives():
        if _is_there(key):
            yield orphan("derivative_orphan", key, search)


def grace_limit() -> datetime:
    """Objects younger than this may still get their row."""
    return timezone.now() - timedelta(seconds=settings.ORPHAN_OBJECT_SECONDS)


def orphan(kind: str, key: str, search: Search, details: str = "") -> Finding:
    """The finding; with `repair` the object is gone afterwards. Raises StorageUnavailable."""
    if search.repair:
        delete_object(key)
    return Finding(kind, key, details, repaired=search.repair)


def _side_by_side() -> Iterator[tuple[ImageFacts | None, StoredObject | None]]:
    """Rows and objects in the order of their keys, those of equal keys together."""
    rows, objects = _rows_by_key(), list_objects(PREFIX)
    row, stored = next(rows, None), next(objects, None)
    while row is not None or stored is not None:
        if stored is None or (row is not None and row.key < stored.key):
            yield row, None
            row = next(rows, None)
        elif row is None or stored.key < row.key:
            yield None, stored
            stored = next(objects, None)
        else:
            yield row, stored
            row, stored = next(rows, None), next(objects, None)


def _rows_by_key() -> Iterator[ImageFacts]:
    """In the order of bytes, as stores list: PostgreSQL would else sort by the rules of a language."""
    fields = ("storage_key", "id", "size_bytes", "file_sha256")
    if connection.vendor == "postgresql":
        ordered = Image.objects.order_by(Collate(F("storage_key"), "C"))
        yield from (ImageFacts(*row) for row in ordered.values_list(*fields).iterator(chunk_size=_PAGE))
        return
    last = ""
    while True:  # pages, so that no read stays open: an open one keeps SQLite from tidying its log
        page = list(Image.objects.filter(storage_key__gt=last).order_by("storage_key").values_list(*fields)[:_PAGE])
        yield from (ImageFacts(*row) for row in page)
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def _judge_missing(row: ImageFacts) -> Iterator[Finding]:
    if _is_there(row.key) or not _has_row(row):
        return
    yield Finding("image_missing", row.key, f"image {row.id}")


def _judge_content(row: ImageFacts) -> Iterator[Finding]:
    try:
        data = read_object(row.key)
    except ObjectMissing:
        yield from _judge_missing(row)
        return
    if hashlib.sha256(data).hexdigest() != row.sha256 and _has_row(row):
        yield Finding("image_altered", row.key, f"image {row.id}: {len(data)} bytes, {row.size} were stored")


def _judge_nameless(files: list[StoredObject], search: Search) -> Iterator[Finding]:
    """Not those that may still get a row, nor those whose deletion is under way."""
    limit = grace_limit()
    old = [file.key for file in files if file.modified <= limit]
    if not old:
        return
    named = set(Image.objects.filter(storage_key__in=old).values_list("storage_key", flat=True))
    going = set(_pending_keys(old))
    for key in old:
        if key not in named and key not in going and _is_there(key):
            yield orphan("image_orphan", key, search)


def _pending_keys(keys: list[str]) -> Iterator[str]:
    rows = Deletion.objects.filter(done_at__isnull=True).values_list("storage_key", flat=True).order_by("id")
    wanted = set(keys)
    iterator = rows.iterator(chunk_size=_PAGE)
    while part := list(islice(iterator, _PAGE)):
        yield from (key for key in part if key in wanted)


def _has_row(row: ImageFacts) -> bool:
    return Image.objects.filter(id=row.id, storage_key=row.key).exists()


def _is_there(key: str) -> bool:
    try:
        stat_object(key)
    except ObjectMissing:
        return False
    return True
