"""Small pictures in a stored ZIP (a dataset's preview, the cells of an evaluation), read one by one for a page.

A pack never changes under its key, so this machine keeps fetched packs on its disk, for a day: a deletion puts packs
without the deleted picture under new keys. Nothing here loads numpy.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import threading
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import structlog
from django.conf import settings

from classifier.errors import NotFound
from classifier.object_storage import BadObjectKey, ObjectMissing, read_object

logger = structlog.get_logger(__name__)

MOST_PICTURE_BYTES: Final = 4_000_000
MOST_CACHE_BYTES: Final = 500_000_000
KEPT_SECONDS: Final = 86_400.0
INDEX: Final = "cells.json"
_MEMBER: Final = re.compile(r"(?:[0-9]{1,7}(?:/[0-9]{1,7}){1,3}|changes/(?:wrong|right)/[0-9]{1,7})\.png", re.ASCII)
_GONE: Final = "This picture is no longer kept."
_fetching = threading.Lock()


def read_pack_picture(storage_key: str, member: str) -> bytes:
    """One PNG of the pack; `member` is numbers and slashes, as in 3/0.png, or changes/right/0.png.

    Raises NotFound, StorageUnavailable.
    """
    if not _MEMBER.fullmatch(member):
        raise NotFound(_GONE)
    return _read_member(storage_key, member)


def read_pack_index(storage_key: str) -> dict[str, list[dict[str, Any]]]:
    """What an evaluation's pack says about its pictures: `{folder: [facts of 0.png, 1.png …]}`; empty without one.

    Raises StorageUnavailable.
    """
    try:
        index = json.loads(_read_member(storage_key, INDEX))
    except (NotFound, ValueError):
        return {}
    return index if isinstance(index, dict) else {}


def list_pack_pictures(storage_key: str) -> list[str]:
    """The members of the pack in its order; none where it cannot be read. Raises StorageUnavailable."""
    try:
        with zipfile.ZipFile(_fetch_pack(storage_key)) as archive:
            return [name for name in archive.namelist() if _MEMBER.fullmatch(name)]
    except (NotFound, OSError, zipfile.BadZipFile):
        return []


def packs_cache_dir() -> Path:
    """Where this machine keeps fetched packs; safe to empty."""
    return Path(settings.VAR_DIR) / "packs"


def forget_cached_packs(known_keys: Iterable[str]) -> None:
    """Remove from this machine the packs of other keys."""
    known = {_cached(key).name for key in known_keys}
    for path in packs_cache_dir().glob("*.zip"):
        if path.name not in known:
            path.unlink(missing_ok=True)


def _read_member(storage_key: str, member: str) -> bytes:
    path = _fetch_pack(storage_key)
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(member)
            if entry.file_size > MOST_PICTURE_BYTES:
                raise NotFound(_GONE)
            return archive.read(entry)
    except KeyError as problem:
        raise NotFound(_GONE) from problem
    except (OSError, zipfile.BadZipFile) as problem:
        logger.warning("picture_pack_unreadable", key=storage_key, error=repr(problem))
        path.unlink(missing_ok=True)
        raise NotFound(_GONE) from problem


def _fetch_pack(storage_key: str) -> Path:
    path = _cached(storage_key)
    if not path.is_file():
        with _fetching:  # the 40 pictures of a page ask together; one of them fetches
            if not path.is_file():
                _keep(path, _read_pack(storage_key))
    return path


def _cached(storage_key: str) -> Path:
    return packs_cache_dir() / f"{hashlib.sha256(storage_key.encode()).hexdigest()}.zip"


def _read_pack(storage_key: str) -> bytes:
    if not storage_key:
        raise NotFound(_GONE)
    try:
        data = read_object(storage_key)
    except (ObjectMissing, BadObjectKey) as problem:
        raise NotFound(_GONE) from problem
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise NotFound(_GONE)
    return data


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_room(path.parent, len(data))
    side = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        side.write_bytes(data)
        side.rename(path)
    finally:
        side.unlink(missing_ok=True)


def _make_room(folder: Path, wanted_bytes: int) -> None:
    """The packs fetched longest ago go first, and those of more than a day ago in any case."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in files)
    too_old = time.time() - KEPT_SECONDS
    while files and (total + wanted_bytes > MOST_CACHE_BYTES or files[0].stat().st_mtime < too_old):
        oldest = files.pop(0)
        total -= oldest.stat().st_size
        oldest.unlink(missing_ok=True)
