"""A ZIP of pictures: looked over as a whole before anything is read, and read entry by entry, never unpacked."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from classifier.errors import Refused

MOST_ENTRIES: Final = 2_000_000
MOST_BYTES: Final = 200_000_000_000
MOST_EXPANSION: Final = 50
"""Pictures hardly shrink in a ZIP, raw IDX files to a third; what grows fifty times was made to do harm."""
_ENCRYPTED: Final = 0x1
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


class UnreadableFileError(Exception):
    """One file of a source cannot be read; the rest can. The message is for the person who brought it."""


class ZipSource:
    """The files of an archive. Reading from several threads is fine."""

    def __init__(self, path: Path) -> None:
        """Raises Refused where the archive is damaged, locked, too large, or names files outside itself."""
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError) as problem:
            raise Refused("malformed_request", f"{path.name} cannot be opened as a ZIP file: {problem}.") from problem
        try:
            self._entries = {entry.filename: entry for entry in self._archive.infolist() if not entry.is_dir()}
            check_entries(path.name, list(self._entries.values()), path.stat().st_size)
        except BaseException:
            self._archive.close()
            raise

    def names(self) -> list[str]:
        return list(self._entries)

    def read(self, name: str, most_bytes: int) -> bytes:
        """At most `most_bytes` + 1 bytes, whatever the entry claims to hold. Raises UnreadableFileError."""
        try:
            with self._archive.open(self._entries[name]) as stream:
                return stream.read(most_bytes + 1)
        except _DAMAGE as problem:
            raise UnreadableFileError(f"It cannot be unpacked: {problem}.") from problem

    def close(self) -> None:
        self._archive.close()


def check_entries(name: str, entries: list[zipfile.ZipInfo], size_bytes: int) -> None:
    """Count, size and names of all entries. Raises Refused with what is wrong."""
    if len(entries) > MOST_ENTRIES:
        raise Refused("malformed_request", f"{name} holds {len(entries):,} files; at most {MOST_ENTRIES:,} are read.")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES or total > MOST_EXPANSION * max(size_bytes, 1):
        raise Refused("malformed_request", f"{name} would grow to {total:,} bytes, which no archive of pictures does.")
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED:
            raise Refused("malformed_request", f"{name} is locked with a password. Make one without.")
        if _leads_outside(entry):
            raise Refused("malformed_request", f"{name} names a file outside itself: {entry.filename[:200]!r}.")


def _leads_outside(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    has_drive = len(path.parts) > 0 and path.parts[0].endswith(":")
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return path.is_absolute() or ".." in path.parts or "\\" in entry.filename or has_drive or is_link
