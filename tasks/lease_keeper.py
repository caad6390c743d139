"""A thread that keeps the lease of a row while this process works on it, and hears when the work must stop."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Protocol, Self

import structlog
from django.db import DatabaseError, InterfaceError, connection

logger = structlog.get_logger(__name__)


class Standing(Protocol):
    """What a row says to the process that works on it."""

    @property
    def is_mine(self) -> bool: ...

    @property
    def is_cancelled(self) -> bool: ...


class LeaseKeeper(ABC):
    """A context manager; trouble with the database counts only when it lasts a whole lease."""

    def __init__(self, name: str, *, lease_seconds: float, pause_seconds: float) -> None:
        self.is_cancelled = False
        self.is_lost = False
        self._lease_seconds, self._pause_seconds = lease_seconds, pause_seconds
        self._ended = threading.Event()
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    @property
    def must_stop(self) -> bool:
        """Cancelled, in other hands, or unable to say for a whole lease that it lives."""
        return self.is_cancelled or self.is_lost or time.monotonic() - self._renewed_at > self._lease_seconds

    @abstractmethod
    def say_alive(self) -> Standing:
        """Write the lease and the progress to the row."""

    def renew(self) -> None:
        """Once."""
        try:
            standing = self.say_alive()
        except (DatabaseError, InterfaceError) as problem:
            logger.warning("lease_not_renewed", keeper=self._thread.name, error=repr(problem))
            connection.close()
            return
        self.is_lost = not standing.is_mine
        self.is_cancelled = standing.is_cancelled
        self._renewed_at = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def _keep(self) -> None:
        try:
            while not self._ended.wait(self._pause_seconds):
                self.renew()
        finally:
            connection.close()
