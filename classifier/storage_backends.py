"""The local folder as an object store: what was written is whole, on the disk, and there after a power cut.

Remote stores are in storage_s3, storage_google and storage_azure.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from errno import EIO
from pathlib import Path
from typing import Final

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from classifier.object_storage import ObjectMissing, StoredObject

SIDE_FILE_PREFIX: Final = ".incoming-"
"""Marks a file that is still being written. No storage key begins with a dot, so none can be mistaken for one."""

_KNOWN_DIRECTORIES_MAX: Final = 1024


class DurableLocalStorage(FileSystemStorage):
    """Django's folder storage, with writes that are all or nothing.

    A write goes to a side file in the target's folder, which is fsynced and renamed, then the folder is fsynced. Any
    trouble (a full disk, an I/O error) is an OSError and leaves nothing under the name.
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        file_permissions_mode: int | None = 0o600,
        directory_permissions_mode: int | None = 0o700,
        allow_overwrite: bool = False,
    ) -> None:
        super().__init__(
            location=None if location is None else os.fspath(location),
            base_url=base_url,
            file_permissions_mode=file_permissions_mode,
            directory_permissions_mode=directory_permissions_mode,
            allow_overwrite=allow_overwrite,
        )
        self._publish: Callable[[Path, Path], None] = os.replace if allow_overwrite else _publish_new
        self._durable_directories: set[Path] = set()

    # Objects: exactly this key, replaced when it is there

    def write_object(self, key: str, data: bytes) -> None:
        """Raises OSError; afterwards the bytes survive a power cut."""
        self._write(Path(self.path(key)), (data,), publish=os.replace)

    def read_object(self, key: str) -> bytes:
        """Raises ObjectMissing, OSError."""
        try:
            return Path(self.path(key)).read_bytes()
        except FileNotFoundError as problem:
            raise self._missing(key) from problem

    def delete_object(self, key: str) -> None:
        """Raises OSError."""
        Path(self.path(key)).unlink(missing_ok=True)

    def stat_object(self, key: str) -> StoredObject:
        """Raises ObjectMissing, OSError."""
        try:
            facts = Path(self.path(key)).stat()
        except FileNotFoundError as problem:
            raise self._missing(key) from problem
        return _describe(key, facts)

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Side files are not objects. Raises OSError."""
        folder = prefix.rpartition("/")[0]
        return self._walk(f"{folder}/" if folder else "", prefix)

    def purge_leftovers(self, *, older_than_seconds: float) -> int:
        """Remove side files that no living write can own any more."""
        oldest = time.time() - older_than_seconds
        purged = 0
        for folder, _, names in os.walk(self.location):
            for name in names:
                if name.startswith(SIDE_FILE_PREFIX):
                    purged += _remove_if_older(Path(folder, name), oldest)
        return purged

    # Django's own interface

    def _save(self, name: str, content: File[bytes]) -> str:
        while True:
            target = Path(self.path(name))
            try:
                self._write(target, (_as_bytes(chunk) for chunk in content.chunks()), publish=self._publish)
            except FileExistsError:
                name = self.get_available_name(name)
            else:
                return target.relative_to(self.location).as_posix()

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Folders and files, without side files."""
        directories, files = super().listdir(path)
        return directories, [name for name in files if not name.startswith(SIDE_FILE_PREFIX)]

    # How it is done

    def _missing(self, key: str) -> ObjectMissing | OSError:
        """A folder that has gone (an unmounted disk) is our trouble, not one lost object."""
        root = Path(self.location)
        return ObjectMissing(key) if root.is_dir() else OSError(EIO, "The storage folder is not there", self.location)

    def _write(self, target: Path, chunks: Iterable[bytes], *, publish: Callable[[Path, Path], None]) -> None:
        folder = target.parent
        side = folder / f"{SIDE_FILE_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
        try:
            descriptor = self._create(side)
            try:
                _write_all(descriptor, chunks)
            finally:
                os.close(descriptor)
            publish(side, target)
        except BaseException:
            with suppress(OSError):
                side.unlink(missing_ok=True)
            raise
        _sync_directory(folder)

    def _create(self, side: Path) -> int:
        self._make_durable(side.parent)
        try:
            return self._open_new(side)
        except FileNotFoundError:  # somebody removed the folder since
            self._durable_directories.clear()
            self._make_durable(side.parent)
            return self._open_new(side)

    def _open_new(self, side: Path) -> int:
        mode = self.file_permissions_mode
        descriptor = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode)
        if mode is not None:
            os.fchmod(descriptor, mode)  # the umask may have taken bits away
        return descriptor

    def _make_durable(self, folder: Path) -> None:
        """Make the folder where needed, and fsync the way to it once per process: another may have made it."""
        if folder in self._durable_directories:
            return
        root = Path(self.location)
        if not root.is_dir():
            root.mkdir(
                mode=0o777 if self.directory_permissions_mode is None else self.directory_permissions_mode,
                parents=True,
                exist_ok=True,
            )
        _sync_directory(root.parent)
        step = root
        for part in folder.relative_to(root).parts:
            parent, step = step, step / part
            self._make_directory(step)
            _sync_directory(parent)
        if len(self._durable_directories) >= _KNOWN_DIRECTORIES_MAX:
            self._durable_directories.clear()
        self._durable_directories.add(folder)

    def _make_directory(self, folder: Path) -> None:
        mode = self.directory_permissions_mode
        try:
            folder.mkdir(0o777 if mode is None else mode)
        except FileExistsError:
            return
        if mode is not None:
            folder.chmod(mode)

    def _walk(self, folder: str, prefix: str) -> Iterator[StoredObject]:
        try:
            with os.scandir(self.path(folder)) as entries:
                found = sorted(
                    f"{folder}{entry.name}/" if entry.is_dir(follow_symlinks=False) else f"{folder}{entry.name}"
                    for entry in entries
                    if not entry.name.startswith(SIDE_FILE_PREFIX)
                )
        except FileNotFoundError:
            return
        for name in found:
            if name.endswith("/"):
                if name.startswith(prefix) or prefix.startswith(name):
                    yield from self._walk(name, prefix)
            elif name.startswith(prefix):
                with suppress(FileNotFoundError):  # deleted since
                    yield _describe(name, Path(self.path(name)).stat())


def _describe(key: str, facts: os.stat_result) -> StoredObject:
    return StoredObject(key=key, size=facts.st_size, modified=datetime.fromtimestamp(facts.st_mtime, tz=UTC))


def _as_bytes(chunk: bytes | str) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else chunk


def _write_all(descriptor: int, chunks: Iterable[bytes]) -> None:
    """Every byte, fsynced, and counted by the file system. Raises OSError."""
    size_bytes = 0
    for chunk in chunks:
        rest = memoryview(chunk)
        size_bytes += len(rest)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
    kept_bytes = os.fstat(descriptor).st_size
    if kept_bytes != size_bytes:
        raise OSError(EIO, f"The disk kept {kept_bytes} of {size_bytes} bytes")


def _publish_new(side: Path, target: Path) -> None:
    """Give the side file its name unless the name is taken (FileExistsError): a link does not replace."""
    target.hardlink_to(side)
    side.unlink()


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_if_older(path: Path, oldest: float) -> bool:
    try:
        if path.stat().st_mtime >= oldest:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
