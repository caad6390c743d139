"""Folders of this machine that live as long as one piece of work: removed at its end, or once its process is dead."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOCK: Final = ".lock"
_MAKING_SECONDS: Final = 60.0


@contextmanager
def side_folder(root: Path) -> Iterator[Path]:
    """A new folder below `root`, marked as in use by a lock that the system frees when the process dies."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_dead_folders(root: Path) -> int:
    """Remove what killed processes left below `root`; returns how many."""
    removed = 0
    for folder in root.iterdir() if root.is_dir() else ():
        if _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _is_dead(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:
        return time.time() - _changed_at(folder) > _MAKING_SECONDS
    except OSError:
        return False


def _changed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()
