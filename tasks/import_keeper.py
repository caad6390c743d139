"""Keeps an import's lease while this process works on it, tells how far it is, and hears when it must stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from classifier.import_jobs import ClaimedImport, report_progress

logger = structlog.get_logger(__name__)

REPORT_SECONDS: Final = 1.0


class ImportStoppedError(Exception):
    """Raised in the middle of an import that must not go on; whatever it had begun is undone on the way out."""


class ImportKeeper:
    """A thread that writes progress and lease to the row, at most once a second."""

    def __init__(self, job: ClaimedImport, *, is_stopping: Callable[[], bool]) -> None:
        self.job = job
        self.is_cancelled = False
        self.is_lost = False
        self.done = self.total = 0
        self._is_stopping = is_stopping
        self._ended = threading.Event()
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name="import-keeper", daemon=True)

    def note(self, done: int, total: int) -> None:
        """So many pictures are done. Raises ImportStoppedError when there is a reason to stop; costs no query."""
        self.done, self.total = done, total
        self.stop_if_wanted()

    def stop_if_wanted(self) -> None:
        """Raises ImportStoppedError: cancelled, in other hands, a worker that ends, or a lease nobody could renew."""
        is_overdue = time.monotonic() - self._renewed_at > settings.IMPORT_LEASE_SECONDS
        if self.is_cancelled or self.is_lost or is_overdue or self._is_stopping():
            raise ImportStoppedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def _keep(self) -> None:
        pause = min(REPORT_SECONDS, settings.IMPORT_LEASE_SECONDS / 3)
        try:
            while not self._ended.wait(pause):
                self._report()
        finally:
            connection.close()

    def _report(self) -> None:
        try:
            standing = report_progress(self.job, done=self.done, total=self.total)
        except (DatabaseError, InterfaceError) as problem:
            logger.warning("import_lease_not_renewed", job=str(self.job.id), error=repr(problem))
            connection.close()
            return
        self.is_lost = not standing.is_mine
        self.is_cancelled = standing.is_cancelled
        self._renewed_at = time.monotonic()
