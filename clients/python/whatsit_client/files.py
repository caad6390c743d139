"""Which files are meant, and in what handfuls they are sent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.answers import Rejection

File = str | os.PathLike[str] | tuple[str, bytes]
"""A path (of a folder: everything below it), or a name with the bytes themselves."""
MOST_FILES = 100
HANDFUL_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """One file in memory, or why it could not be read."""

    path: str
    data: bytes = b""
    rejection: Rejection | None = None

    @property
    def name(self) -> str:
        """As the site shows it."""
        return self.path.replace("\\", "/").rpartition("/")[2]


def read_pictures(files: Iterable[File]) -> Iterator[Picture]:
    """One after the other; a folder's files in the order of their names, hidden ones left out."""
    for file in files:
        if isinstance(file, tuple):
            yield Picture(*file)
            continue
        path = Path(file)
        for found in _files_below(path) if path.is_dir() else [path]:
            yield _read(found)


def gather_handfuls(pictures: Iterable[Picture], *, most: int) -> Iterator[list[Picture]]:
    """At most `most` files and, but for a single large one, HANDFUL_BYTES together."""
    handful: list[Picture] = []
    size = 0
    for picture in pictures:
        if handful and (len(handful) >= most or size + len(picture.data) > HANDFUL_BYTES):
            yield handful
            handful, size = [], 0
        handful.append(picture)
        size += len(picture.data)
    if handful:
        yield handful


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _read(path: Path) -> Picture:
    try:
        return Picture(str(path), path.read_bytes())
    except OSError as problem:
        return Picture(str(path), rejection=Rejection("unreadable", f"It cannot be read: {problem.strerror}."))
