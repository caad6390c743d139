"""T42: rows and objects brought back from backups of different moments; `manage.py reconcile` tells what is missing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.faults.history import History
from tests.stack import ROOT, Stack

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="copies the file of the embedded database"),
]
EARLY, LATE = 6, 9


def back_up(stack: Stack, name: str) -> Path:
    """As docs/operations.md says for the embedded database: rows first, then objects."""
    backup = stack.folder / name
    backup.mkdir()
    with sqlite3.connect(stack.folder / "db.sqlite3") as source, sqlite3.connect(backup / "db.sqlite3") as target:
        source.backup(target)
    shutil.copytree(stack.folder / "media", backup / "media")
    return backup


def restore(stack: Stack, *, rows: Path, objects: Path) -> None:
    for name in {"questions", "worker", "web"} & set(stack.processes):
        stack.kill(name)
    for leftover in stack.folder.glob("db.sqlite3*"):
        leftover.unlink()
    shutil.copyfile(rows / "db.sqlite3", stack.folder / "db.sqlite3")
    shutil.rmtree(stack.folder / "media")
    shutil.copytree(objects / "media", stack.folder / "media")
    stack.start_web()
    stack.start_worker()
    stack.await_web()


def reconcile(stack: Stack, *options: str) -> tuple[int, dict[str, int]]:
    """Exit code, and how many of each kind were found."""
    finished = subprocess.run(
        [sys.executable, "manage.py", "reconcile", "--deep", "--json", *options],
        cwd=ROOT,
        env={**stack.environment, "ORPHAN_OBJECT_SECONDS": "0.001"},
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, int] = {}
    for line in finished.stdout.splitlines():
        kind = json.loads(line).get("kind")
        if kind:
            found[kind] = found.get(kind, 0) + 1
    return finished.returncode, found


@pytest.mark.long
def test_t42_rows_and_objects_of_different_moments_are_told_apart(stack: Stack, history: History) -> None:
    with stack.client() as client:
        for seed in range(EARLY):
            assert history.send(client, seed) == 201
        history.await_quiet(30)
        early = back_up(stack, "early")
        for seed in range(EARLY, EARLY + LATE):
            assert history.send(client, seed) == 201
        history.await_quiet(30)
        late = back_up(stack, "late")
        assert reconcile(stack) == (0, {})

        restore(stack, rows=late, objects=early)
        assert reconcile(stack) == (1, {"image_missing": LATE})
        assert history.send(client, 1000) == 201

        restore(stack, rows=early, objects=late)
        assert reconcile(stack) == (1, {"image_orphan": LATE})
        assert reconcile(stack, "--repair") == (3, {"image_orphan": LATE})
        assert reconcile(stack) == (0, {})
        assert history.send(client, 1001) == 201
        history.await_quiet(30)
