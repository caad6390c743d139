"""T17: the disk of the pictures, of the temporary files, of the database is full. Refused in words, then as before."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.faults.history import ORPHANS, History
from tests.faults.small_disks import SmallDisk, SmallDiskRefused, small_disk
from tests.postgres_server import PostgresMissing, PostgresServer
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]

HEALTHY_SECONDS = 10
ANSWER_SECONDS = 10
REFUSALS = 5
LEAVES = (0, 3_000, 60_000)
"""Bytes that are left: nothing, less than one picture, a few writes."""
SMALL, LARGE = 28, 1200
"""Sides of pictures: 1 KB, and 1.4 MB, which is more than a request keeps in memory."""
INTEGRITY = """
from django.db import connection
with connection.cursor() as cursor:
    if connection.vendor == 'sqlite':
        cursor.execute('PRAGMA integrity_check')
        result = cursor.fetchone()[0]
    else:
        cursor.execute('CREATE EXTENSION IF NOT EXISTS amcheck')
        cursor.execute(
            "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.amname = 'btree' AND n.nspname = 'public'"
        )
        result = 'ok'
"""


@dataclass(frozen=True)
class FullDisk:
    """A stack of which one folder lies on a small disk; `side` makes pictures that need it."""

    stack: Stack
    disk: SmallDisk
    side: int = SMALL
    server: PostgresServer | None = None


def start_with_small_media(folder: Path, opened: ExitStack) -> FullDisk:
    disk = opened.enter_context(small_disk(folder / "media", megabytes=64))
    return FullDisk(opened.enter_context(Stack(folder)), disk)


def start_with_small_temporary_folder(folder: Path, opened: ExitStack) -> FullDisk:
    disk = opened.enter_context(small_disk(folder / "temporary", megabytes=64))
    return FullDisk(opened.enter_context(Stack(folder, environment={"TMPDIR": str(disk.folder)})), disk, LARGE)


def start_with_small_sqlite(folder: Path, opened: ExitStack) -> FullDisk:
    disk = opened.enter_context(small_disk(folder / "rows", megabytes=64))
    (folder / "db.sqlite3").symlink_to(disk.folder / "db.sqlite3")
    return FullDisk(opened.enter_context(Stack(folder)), disk)


def start_with_small_postgresql(folder: Path, opened: ExitStack) -> FullDisk:
    disk = opened.enter_context(small_disk(Path(opened.enter_context(TemporaryDirectory())) / "rows", megabytes=256))
    disk.folder.parent.chmod(0o755)
    server = PostgresServer(disk.folder)
    opened.callback(server.stop)
    stack = opened.enter_context(Stack(folder, environment={"DATABASE_URL": server.url}))
    return FullDisk(stack, disk, SMALL, server)


STARTS: dict[str, Callable[[Path, ExitStack], FullDisk]] = {
    "pictures": start_with_small_media,
    "temporary files": start_with_small_temporary_folder,
    "SQLite": start_with_small_sqlite,
    "PostgreSQL": start_with_small_postgresql,
}


@pytest.fixture(params=STARTS)
def parts(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FullDisk]:
    with ExitStack() as opened:
        try:
            found = STARTS[request.param](tmp_path, opened)
        except (SmallDiskRefused, PostgresMissing) as missing:
            pytest.skip(str(missing))
        found.stack.await_worker()
        yield found


@pytest.fixture
def stack(parts: FullDisk) -> Stack:
    return parts.stack


def test_t17_a_full_disk_refuses_uploads_in_words_and_takes_them_again_once_there_is_space(
    parts: FullDisk, history: History
) -> None:
    seeds = itertools.count()
    with parts.stack.client() as client:
        for leave in LEAVES:
            for _ in range(10):
                assert history.send(client, next(seeds), side=parts.side) == 201
            parts.disk.fill(leave_bytes=leave)
            refuse(parts, history, client, seeds)
            parts.disk.free()
            restart_if_down(parts)
            healthy = lambda: history.send(client, next(seeds), side=parts.side) == 201  # noqa: E731 - awaited at once
            history.recoveries.append(await_that(healthy, HEALTHY_SECONDS, "uploads are taken again"))
            history.rounds += 1
    history.await_quiet(60)
    history.check()
    assert parts.stack.query(INTEGRITY) == "ok"
    parts.stack.query(ORPHANS)
    assert parts.stack.query(ORPHANS) == 0


def refuse(parts: FullDisk, history: History, client: httpx.Client, seeds: Iterator[int]) -> None:
    """Some more may find a place; then all are refused, soon and with a plain sentence."""
    refused, ends = 0, time.monotonic() + 60
    while refused < REFUSALS:
        assert time.monotonic() < ends, "the disk is full, and uploads are taken all the same"
        seed, started = next(seeds), time.monotonic()
        answer = client.post("/api/v1/images", files={"file": (f"{seed}.png", png_bytes(seed, side=parts.side))})
        took = time.monotonic() - started
        if answer.status_code == 201:
            image = answer.json()["images"][0]
            history.accepted[image["id"]] = image["sha256"]
            continue
        refused += 1
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "try_later")
        assert "Retry-After" in answer.headers
        assert not any(word in answer.text for word in ("Errno", "No space", str(parts.stack.folder), "Traceback"))
        assert took <= ANSWER_SECONDS


def restart_if_down(parts: FullDisk) -> None:
    """PostgreSQL ends itself when it cannot write its log; whoever looks after it starts it again."""
    if parts.server is not None and parts.server.process.poll() is not None:
        parts.server.start()
