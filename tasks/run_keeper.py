"""Keeps a training run's lease while this process works on it, and hears when it must stop."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from classifier.training_runs import ClaimedRun, renew_lease

logger = structlog.get_logger(__name__)


class RunKeeper:
    """A thread that renews the lease three times per lease, whatever the trainer is busy with."""

    def __init__(self, run: ClaimedRun) -> None:
        self.run = run
        self.is_cancelled = False
        self.is_lost = False
        self._progress: dict[str, Any] = {}
        self._ended = threading.Event()
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name="run-keeper", daemon=True)

    @property
    def must_stop(self) -> bool:
        """Cancelled, in other hands, or unable to say for a whole lease that it lives."""
        return (
            self.is_cancelled or self.is_lost or time.monotonic() - self._renewed_at > settings.TRAINING_LEASE_SECONDS
        )

    def note(self, phase: str, share: float, remaining_seconds: float | None = None) -> None:
        """What the next renewal will tell who looks at the row."""
        remaining = None if remaining_seconds is None else round(remaining_seconds, 1)
        self._progress = {"phase": phase, "share": round(share, 4), "remaining_seconds": remaining}

    def renew(self) -> None:
        """Once; trouble with the database counts only when it lasts a whole lease."""
        try:
            standing = renew_lease(self.run, progress=self._progress)
        except DatabaseError as problem:
            logger.warning("lease_not_renewed", run=str(self.run.id), error=repr(problem))
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
            while not self._ended.wait(settings.TRAINING_LEASE_SECONDS / 3):
                self.renew()
        finally:
            connection.close()
