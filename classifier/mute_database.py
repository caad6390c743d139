"""A connection to PostgreSQL that does not wait for ever for a server that has gone mute."""

from __future__ import annotations

import time
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen

Result = TypeVar("Result")

# The server itself ends a statement after 60 s (database_settings.SERVER_TIMEOUTS); one that is well has answered then.
ANSWER_SECONDS: Final = 70.0
CHECK_SECONDS: Final = 1.5


class BoundedConnection(psycopg.Connection[Any]):
    """Every answer has a time limit; a connection that met it is closed, as nobody knows what it would say next.

    A stopped process or a dead proxy keeps the network connection alive, so that libpq's own limits never end.
    """

    _answer_limit: float | None = ANSWER_SECONDS
    _check_limit: float | None = None

    def execute(self, *arguments: Any, **options: Any) -> Any:
        """Only the pool asks in this way, to see whether the server is there before it gives the connection away."""
        self._check_limit = CHECK_SECONDS
        try:
            return super().execute(*arguments, **options)
        finally:
            self._check_limit = None

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """As the base class, where the limit is the caller's or ours."""
        limit = self._check_limit or self._answer_limit
        if timeout is not None or limit is None:
            return super().wait(gen, interval, timeout)
        ends = time.monotonic() + limit
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if time.monotonic() >= ends:
                self.close()
            raise


class CheckedConnection(BoundedConnection):
    """For operators who set a statement_timeout of their own: a statement may take as long as that says."""

    _answer_limit = None
