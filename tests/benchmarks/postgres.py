"""A PostgreSQL as durable as the product wants it, for one benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from tests import postgres_server

DURABLE = ("-c", "max_connections=100", "-c", "shared_buffers=256MB")


@contextmanager
def run_durable_postgres() -> Iterator[str]:
    """The tests' server, but with every commit flushed to the disk; gives its DATABASE_URL."""
    with mock.patch.object(postgres_server, "FASTER", DURABLE), postgres_server.run_postgres() as url:
        yield url
