"""Where a batch's pictures are read from: single files, folders with all below them, prefixes of object storage.

A million names pass through here one by one: neither a folder nor a prefix is ever held in memory as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from classifier.dataset_archives import UnreadableFileError
from classifier.dataset_sources import FolderSource, StorageSource, open_source
from classifier.errors import NotFound, Refused
from classifier.sorted_on_disk import sort_on_disk

_LITTER: Final = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_MACHINE: Final = FolderSource(Path("/"))


class BatchPlace(Protocol):
    """One place that was named, and the files in it under the names that people are shown."""

    def walk(self) -> Iterator[str]:
        """Every file, in the order of the names. Raises StorageUnavailable."""

    def read(self, shown: str, most_bytes: int) -> bytes:
        """At most `most_bytes` + 1 bytes. Raises UnreadableFileError, StorageUnavailable."""


class FilesOfMachine:
    """A file, or every file below a folder; links to folders are followed once, hidden files passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def walk(self) -> Iterator[str]:
        if self._path.is_dir():
            return sort_on_disk(_walk_folder(self._path))
        return iter([str(self._path)])

    def read(self, shown: str, most_bytes: int) -> bytes:
        if Path(shown).is_dir():
            raise UnreadableFileError("This folder cannot be listed by this user.")
        return _MACHINE.read(shown, most_bytes)


class FilesOfStorage:
    """Every object below a prefix; shown under the URL without its options."""

    def __init__(self, url: str, source: StorageSource) -> None:
        self._source = source
        self._shown = f"{urlsplit(url)._replace(query='').geturl().rstrip('/')}/"

    def walk(self) -> Iterator[str]:
        return (f"{self._shown}{name}" for name in self._source.walk() if not _is_litter(name))

    def read(self, shown: str, most_bytes: int) -> bytes:
        return self._source.read(shown.removeprefix(self._shown), most_bytes)


def normalise_places(texts: Sequence[str]) -> list[str]:
    """The same places in one spelling: full paths, URLs as they are, none twice. Raises Refused."""
    places = list(dict.fromkeys(_normalise(text) for text in texts))
    if not places:
        raise Refused("malformed_request", "Name at least one file, folder or storage URL.")
    return places


def open_place(place: str) -> BatchPlace:
    """Raises NotFound, Refused with a sentence."""
    if "://" in place:
        source = open_source(place)
        if not isinstance(source, StorageSource):
            raise Refused("malformed_request", f"{place} is no storage URL.")
        return FilesOfStorage(place, source)
    path = Path(place)
    if not path.exists():
        raise NotFound(f"{place} is neither a folder nor a file.")
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise Refused("malformed_request", f"The folder {place} may not be read by this user.")
    return FilesOfMachine(path)


def _normalise(text: str) -> str:
    place = text.strip()
    if "://" in place and not place.startswith("file://"):
        return place
    path = place.removeprefix("file://")
    if not path:
        raise Refused("malformed_request", "A place cannot be empty: name a file, a folder or a storage URL.")
    return str(Path(path).absolute())


def _walk_folder(folder: Path) -> Iterator[str]:
    """In no order. A folder that cannot be listed comes as if it were a file: reading it says why."""
    seen: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    while waiting:
        current = waiting.pop()
        try:
            facts = Path(current).stat()
            if (facts.st_dev, facts.st_ino) in seen:
                continue
            seen.add((facts.st_dev, facts.st_ino))
            with os.scandir(current) as entries:
                for entry in entries:
                    if _is_litter(entry.name):
                        continue
                    if entry.is_dir():
                        waiting.append(entry.path)
                    else:
                        yield entry.path
        except OSError:
            yield current


def _is_litter(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(".") or last in _LITTER
