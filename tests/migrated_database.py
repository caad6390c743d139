"""An SQLite database as `migrate` leaves it, made once a test run and copied: migrating takes seven seconds."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = "WHATSIT_TESTS_FOLDER"
"""The variable that names a folder of the whole test run: set by the first process of it, inherited by the others."""


def put_migrated_database(folder: Path) -> None:
    """As `db.sqlite3` into a state folder that is to be. All processes of a run share one original."""
    if SHARED not in os.environ:
        os.environ[SHARED] = tempfile.mkdtemp(prefix="whatsit-tests-")
    original = Path(os.environ[SHARED])
    with (original / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (original / "whole.sqlite3").exists():
            _migrate(original)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(original / "whole.sqlite3", folder / "db.sqlite3")


def _migrate(folder: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "STORAGE_URL"}}
    environment = {**kept, "WHATSIT_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "classifier.settings"}
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    part = folder / "part.sqlite3"
    with closing(sqlite3.connect(folder / "db.sqlite3")) as made, closing(sqlite3.connect(part)) as copy:
        made.backup(copy)  # with what still stands in the log beside it
        copy.execute("PRAGMA journal_mode=WAL")
    part.rename(folder / "whole.sqlite3")
