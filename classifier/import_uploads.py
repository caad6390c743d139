"""Pictures sent for an import: a ZIP in parts of a few MB, each an object of its own, until a worker has read them.

Whole uploads may have gigabytes; nothing here ever holds more than one part.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from classifier.errors import Conflict, Refused
from classifier.identifiers import new_id
from classifier.models import ImportJob
from classifier.object_storage import ObjectMissing, StoredObject, delete_object, list_objects, read_object
from classifier.object_storage import write_verified as write_object
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

PREFIX: Final = "imports/"
_ENDED: Final = (ImportJob.State.DONE, ImportJob.State.FAILED, ImportJob.State.CANCELLED)
_INCOMPLETE: Final = "The upload did not arrive whole. Send the pictures again."


def most_parts() -> int:
    """So many parts make an upload of IMPORT_MAX_MB."""
    return -(-settings.IMPORT_MAX_BYTES // settings.IMPORT_PART_BYTES)


def store_part(*, user: User, upload: UUID, number: int, data: bytes) -> None:
    """Keep one part, the first having number 1; sending it again replaces it.

    Raises Refused for too much or nothing, Conflict once the upload is in an import, StorageUnavailable.
    """
    if number > most_parts():
        raise _too_large()
    if not data or len(data) > settings.IMPORT_PART_BYTES or number < 1:
        raise Refused("malformed_request", f"A part has 1 to {settings.IMPORT_PART_BYTES} bytes, and a number from 1.")
    folder = _folder(user, upload)
    if ImportJob.objects.filter(storage_key=folder).exists():
        raise Conflict("This upload is being imported already. Start a new one.")
    write_object(_part_key(folder, number), data)


def close_upload(*, user: User, upload: UUID, size_bytes: int) -> str:
    """All parts are there: the folder to name in the import. Raises Refused where they are not, StorageUnavailable."""
    folder = _folder(user, upload)
    parts = list(_list_parts(folder))
    expected = [_part_key(folder, number) for number in range(1, len(parts) + 1)]
    received = sum(part.size for part in parts)
    if received > settings.IMPORT_MAX_BYTES:
        raise _too_large()
    if not parts or [part.key for part in parts] != expected or received != size_bytes:
        raise Refused("malformed_request", _INCOMPLETE)
    return folder


def store_stream(*, user: User, stream: IO[bytes]) -> str:
    """Keep a file that came in one request, part by part; its folder. Raises Refused, StorageUnavailable."""
    upload = new_id()
    folder = _folder(user, upload)
    number = 0
    try:
        while data := stream.read(settings.IMPORT_PART_BYTES):
            number += 1
            store_part(user=user, upload=upload, number=number, data=data)
        if not number:
            raise Refused("empty_file", "This ZIP file is empty. Choose another.")
    except BaseException:
        remove_upload(folder)
        raise
    return folder


def fetch_upload(folder: str, target: Path, *, on_part: Callable[[], None] = lambda: None) -> None:
    """Write the parts, one after the other, into one file. Raises Refused where one is gone, StorageUnavailable."""
    keys = [part.key for part in _list_parts(folder)]
    if not keys:
        raise Refused("malformed_request", "The uploaded pictures are no longer in storage. Send them again.")
    try:
        with target.open("wb") as file:
            for key in keys:
                file.write(read_object(key))
                on_part()
    except ObjectMissing as problem:
        raise Refused("malformed_request", _INCOMPLETE) from problem


def remove_upload(folder: str) -> None:
    """Delete the parts; gone ones are fine. Raises StorageUnavailable."""
    for part in list(_list_parts(folder)):
        delete_object(part.key)


def remove_abandoned_uploads(*, older_than_seconds: float | None = None) -> int:
    """Delete the parts of uploads that no import names and that have not grown for ORPHAN_OBJECT_SECONDS."""
    age = settings.ORPHAN_OBJECT_SECONDS if older_than_seconds is None else older_than_seconds
    keys: dict[str, list[str]] = defaultdict(list)
    newest: dict[str, datetime] = {}
    for found in list_objects(PREFIX):
        folder = found.key.rpartition("/")[0]
        keys[folder].append(found.key)
        newest[folder] = max(found.modified, newest.get(folder, found.modified))
    limit = timezone.now() - timedelta(seconds=age)
    known = set(ImportJob.objects.exclude(storage_key="").values_list("storage_key", flat=True))
    abandoned = [key for folder in keys if folder not in known and newest[folder] <= limit for key in keys[folder]]
    for key in abandoned:
        delete_object(key)
    if abandoned:
        logger.info("abandoned_uploads_removed", objects=len(abandoned))
    return len(abandoned)


def forget_ended_uploads() -> int:
    """Delete what was uploaded for imports that have ended, whichever way; returns how many. StorageUnavailable."""
    forgotten = 0
    ended = ImportJob.objects.filter(state__in=_ENDED).exclude(storage_key="")
    for job_id, folder in list(ended.values_list("id", "storage_key")):
        remove_upload(folder)
        with write_transaction():
            forgotten += ImportJob.objects.filter(id=job_id, storage_key=folder).update(storage_key="")
    return forgotten


def make_room(folder: Path) -> Path:
    """An empty folder for fetched parts, whatever an earlier attempt left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def _too_large() -> Refused:
    most = settings.IMPORT_MAX_BYTES / 1e6
    return Refused(
        "file_too_large",
        f"This is more than {most:g} MB at once. Send the pictures in several imports, or name a storage URL.",
    )


def _folder(user: User, upload: UUID) -> str:
    """Nobody can write into another one's upload: the user stands in the key."""
    return f"{PREFIX}{user.pk}-{upload.hex}"


def _part_key(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}"


def _list_parts(folder: str) -> Iterator[StoredObject]:
    return list_objects(f"{folder}/")
