"""A database that many threads can use at once; the tests' usual one lives in the memory of one connection."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.core.management import call_command
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

Result = TypeVar("Result")


@contextmanager
def _file_database(path: Path) -> Iterator[None]:
    usual: Any = connections["default"]
    usual_name = connections.databases["default"]["NAME"]
    is_migrated = usual.is_in_memory_db()
    if is_migrated:
        _copy_to(path, usual)
    connections.databases["default"]["NAME"] = str(path)
    del connections["default"]
    try:
        if not is_migrated:  # no test of this run asks for the usual database, so pytest-django has not made it
            call_command("migrate", verbosity=0)
        yield
    finally:
        connections["default"].close()
        connections["default"] = usual
        connections.databases["default"]["NAME"] = usual_name


def _copy_to(path: Path, usual: Any) -> None:
    """The migrated database, page by page: migrating anew takes seconds in each test."""
    usual.ensure_connection()
    with closing(sqlite3.connect(path)) as copy:
        usual.connection.backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")  # or many threads would switch to it at once, and wait for each other


if connection.vendor == "sqlite":

    @pytest.fixture
    def shared_database(tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
        """A file of this test's own."""
        with django_db_blocker.unblock(), _file_database(tmp_path / "shared.sqlite3"):
            yield

else:

    @pytest.fixture
    def shared_database(transactional_db: None) -> None:
        """The test database with real commits, emptied afterwards; asked for by name, or pytest-django rolls back."""


def in_parallel(count: int, call: Callable[[int], Result]) -> list[Result]:
    """Start `count` threads at the same moment; returns what each call returned, in their order."""
    start = threading.Barrier(count)
    results: dict[int, Result] = {}

    def run(number: int) -> None:
        try:
            start.wait()
            results[number] = call(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count, "a thread ended with an exception"
    return [results[number] for number in range(count)]
