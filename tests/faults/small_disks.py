"""A file system in memory that holds so many megabytes, and a file that fills it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PIECE = bytes(1 << 16)


class SmallDiskRefused(Exception):  # noqa: N818 - reads as what happened
    """This machine does not let us mount."""


class SmallDisk:
    """Mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Until the system says that no space is left, but for so many bytes."""
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for piece in (_PIECE, _PIECE[:4096]):
                try:
                    while os.write(descriptor, piece) == len(piece):
                        pass
                except OSError:
                    continue
            if leave_bytes:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size - leave_bytes)
        finally:
            os.close(descriptor)

    def free(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """For the length of the block. Raises SmallDiskRefused."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as problem:
        raise SmallDiskRefused("needs mount") from problem
    if mounted.returncode:
        raise SmallDiskRefused(f"needs the right to mount: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
