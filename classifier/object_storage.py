"""Objects under keys: written and verified, read, listed, deleted, whatever store `STORAGE_URL` names.

Callers meet two errors only, ObjectMissing and StorageUnavailable; which rows name an object is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, cast

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages

from classifier.errors import StorageUnavailable

logger = structlog.get_logger(__name__)

KEY_MAX_CHARACTERS: Final = 512
_SEGMENT: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9_-])?"
# Plain segments only: no dot first (a side file's mark) or last (Azure drops it), so no `..`, and nothing to quote.
_KEY: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX: Final = re.compile(rf"(?:{_SEGMENT}/)*(?:[A-Za-z0-9][A-Za-z0-9._-]*)?")


class ObjectMissing(Exception):  # noqa: N818 - a state of the world that callers answer, like errors.NotFound
    """The store answered, and holds nothing under this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"Object storage holds nothing under {key!r}.")


class BadObjectKey(ValueError):  # noqa: N818 - reads as what it is
    """A key our own code should never have made."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a store says about one object; `modified` is aware."""

    key: str
    size: int
    modified: datetime


class ObjectStore(Protocol):
    """What each backend of `STORAGE_URL` does with a valid key.

    Raises ObjectMissing only when the store itself is well and has no such object; everything else is an OSError or
    StorageUnavailable.
    """

    def write_object(self, key: str, data: bytes) -> None:
        """Replace whatever is under the key; returns once the store has confirmed every byte."""

    def read_object(self, key: str) -> bytes: ...

    def delete_object(self, key: str) -> None:
        """A missing object is fine."""

    def stat_object(self, key: str) -> StoredObject: ...

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """In the order of the keys; `prefix` is text, not a folder."""

    def purge_leftovers(self, *, older_than_seconds: float) -> int:
        """Remove what interrupted writes left behind; returns how many."""


def write_verified(key: str, data: bytes) -> None:
    """Store `data` under exactly this key and have the store confirm it. Raises StorageUnavailable."""
    store = _store(key)
    with _failures_reported("write", key):
        store.write_object(key, data)


def read_object(key: str) -> bytes:
    """The whole object. Raises ObjectMissing, StorageUnavailable."""
    store = _store(key)
    with _failures_reported("read", key):
        return store.read_object(key)


def delete_object(key: str) -> None:
    """Remove the object; a missing one is fine. Raises StorageUnavailable."""
    store = _store(key)
    with _failures_reported("delete", key):
        store.delete_object(key)


def stat_object(key: str) -> StoredObject:
    """Size and time without the bytes. Raises ObjectMissing, StorageUnavailable."""
    store = _store(key)
    with _failures_reported("stat", key):
        return store.stat_object(key)


def object_exists(key: str) -> bool:
    """Is there an object under this key? Raises StorageUnavailable."""
    try:
        stat_object(key)
    except ObjectMissing:
        return False
    return True


def list_objects(prefix: str) -> Iterator[StoredObject]:
    """Every object whose key starts with `prefix`, in the order of the keys. Raises StorageUnavailable on the way."""
    if not _PREFIX.fullmatch(prefix):
        raise BadObjectKey(f"{prefix!r} is not the beginning of a key.")
    store = _current_store()
    with _failures_reported("list", prefix):
        yield from store.list_objects(prefix)


def purge_leftovers(*, older_than_seconds: float = 3600.0) -> int:
    """Remove what interrupted writes left behind; returns how many. Raises StorageUnavailable."""
    store = _current_store()
    with _failures_reported("purge", ""):
        return store.purge_leftovers(older_than_seconds=older_than_seconds)


def _store(key: str) -> ObjectStore:
    if len(key) > KEY_MAX_CHARACTERS or not _KEY.fullmatch(key):
        raise BadObjectKey(f"{key!r} is not a storage key: plain segments of letters, digits, '.', '_' and '-'.")
    return _current_store()


def _current_store() -> ObjectStore:
    store: object = storages["default"]
    if not hasattr(store, "write_object"):
        raise ImproperlyConfigured(f"{type(store).__name__} is not one of the backends that STORAGE_URL can name.")
    return cast("ObjectStore", store)


@contextmanager
def _failures_reported(verb: str, key: str) -> Iterator[None]:
    try:
        yield
    except StorageUnavailable as problem:
        logger.warning(
            "object_storage_failed", action=verb, key=key, problem=repr(problem.__cause__ or problem.message)
        )
        raise
    except OSError as problem:
        logger.warning("object_storage_failed", action=verb, key=key, problem=repr(problem))
        raise StorageUnavailable from problem
