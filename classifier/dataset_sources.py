"""Where labelled pictures are read from: a folder, a ZIP, or keys in object storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages

from classifier.dataset_archives import UnreadableFileError, ZipSource
from classifier.errors import NotFound, Refused, StorageUnavailable
from classifier.object_storage import BadObjectKey, ObjectMissing, ObjectStore
from classifier.storage_settings import storage_configuration

OWN_STORAGE: Final = "storage"


class PictureSource(Protocol):
    """Files under relative names with `/`."""

    def names(self) -> list[str]: ...

    def read(self, name: str, most_bytes: int) -> bytes:
        """At most `most_bytes` + 1 bytes, so that the caller sees that it is too long. Raises UnreadableFileError."""
        ...

    def close(self) -> None: ...


class FolderSource:
    """A folder of this machine, links inside it followed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in _walk(self.folder))

    def read(self, name: str, most_bytes: int) -> bytes:
        try:
            with open(self.folder / name, "rb", opener=_open_without_waiting) as stream:
                return stream.read(most_bytes + 1)
        except OSError as problem:
            raise UnreadableFileError(f"It cannot be read: {problem.strerror}.") from problem

    def close(self) -> None:
        """Nothing is held open."""


class StorageSource:
    """The objects below a prefix of a store."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._sizes: dict[str, int] = {}

    def names(self) -> list[str]:
        """Raises StorageUnavailable."""
        with _store_trouble_named():
            found = self._store.list_objects(self._prefix)
            self._sizes = {entry.key.removeprefix(self._prefix): entry.size for entry in found}
        return list(self._sizes)

    def walk(self) -> Iterator[str]:
        """The names one after the other, none of them kept. Raises StorageUnavailable."""
        with _store_trouble_named():
            for entry in self._store.list_objects(self._prefix):
                yield entry.key.removeprefix(self._prefix)

    def read(self, name: str, most_bytes: int) -> bytes:
        """An object that is too large is not fetched. Raises UnreadableFileError, StorageUnavailable."""
        try:
            with _store_trouble_named():
                if self._size_of(name) > most_bytes:
                    raise UnreadableFileError(f"It is larger than {most_bytes / 1_000_000:g} MB.")
                return self._store.read_object(f"{self._prefix}{name}")
        except (ObjectMissing, BadObjectKey) as problem:
            raise UnreadableFileError("It is no longer in the storage.") from problem

    def _size_of(self, name: str) -> int:
        size = self._sizes.get(name)
        return self._store.stat_object(f"{self._prefix}{name}").size if size is None else size

    def close(self) -> None:
        """The store keeps its own connections."""


def open_source(text: str) -> PictureSource:
    """A folder, a ZIP file, storage://prefix (the site's own storage), or s3://bucket/prefix as in STORAGE_URL.

    Raises NotFound, Refused with a sentence.
    """
    if "://" in text and not text.startswith("file://"):
        return _open_storage(text)
    if not text.removeprefix("file://").strip():
        raise NotFound("Name a folder, a ZIP file or a storage URL to read pictures from.")
    path = Path(text.removeprefix("file://"))
    if path.is_dir():
        if not os.access(path, os.R_OK | os.X_OK):
            raise Refused("malformed_request", f"The folder {path} may not be read by this user.")
        return FolderSource(path)
    if path.is_file():
        return ZipSource(path)
    raise NotFound(f"{path} is neither a folder nor a file.")


def _open_storage(url: str) -> PictureSource:
    parts = urlsplit(url)
    if parts.scheme == OWN_STORAGE:
        prefix = f"{parts.netloc}{parts.path}".strip("/")
        if not prefix:
            raise Refused("malformed_request", "Name a folder of the storage, as in storage://incoming/cats.")
        return StorageSource(cast("ObjectStore", storages["default"]), f"{prefix}/")
    try:
        store = storages.create_storage(storage_configuration(url, base_dir=settings.BASE_DIR))
    except ImproperlyConfigured as problem:
        raise Refused("malformed_request", str(problem).replace("STORAGE_URL", "PATH")) from problem
    return StorageSource(cast("ObjectStore", store), "")


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below; a folder that is reached twice (a loop of links) is read once.

    Raises Refused for a folder that cannot be listed: a label would be missing without a word.
    """
    seen: set[tuple[int, int]] = set()
    for root, folders, files in os.walk(folder, followlinks=True, onerror=_refuse_folder):
        facts = Path(root).stat()
        if (facts.st_dev, facts.st_ino) in seen:
            folders.clear()
            continue
        seen.add((facts.st_dev, facts.st_ino))
        yield from (Path(root, name) for name in files)


def _refuse_folder(problem: OSError) -> None:
    raise Refused(
        "malformed_request", f"The folder {problem.filename} cannot be read: {problem.strerror}."
    ) from problem


def _open_without_waiting(path: str, flags: int) -> int:
    """A pipe that nobody writes into would hold the import up for ever; so it is an empty file."""
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def _store_trouble_named() -> Iterator[None]:
    try:
        yield
    except StorageUnavailable as problem:
        raise StorageUnavailable("The storage that holds the pictures does not answer. Try again later.") from problem
    except OSError as problem:
        raise StorageUnavailable(f"The storage that holds the pictures cannot be read: {problem}.") from problem
