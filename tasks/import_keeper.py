"""Keeps an import's lease while this process works on it, tells how far it is, and hears when it must stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings

from classifier.import_jobs import ClaimedImport, ImportStanding, report_progress
from tasks.lease_keeper import LeaseKeeper

REPORT_SECONDS: Final = 1.0


class ImportStoppedError(Exception):
    """Raised in the middle of an import that must not go on; whatever it had begun is undone on the way out."""


class ImportKeeper(LeaseKeeper):
    """Writes progress and lease to the row, at most once a second."""

    def __init__(self, job: ClaimedImport, *, is_stopping: Callable[[], bool]) -> None:
        lease = settings.IMPORT_LEASE_SECONDS
        super().__init__("import-keeper", lease_seconds=lease, pause_seconds=min(REPORT_SECONDS, lease / 3))
        self.job = job
        self.done = self.total = 0
        self._is_stopping = is_stopping

    def note(self, done: int, total: int) -> None:
        """So many pictures are done. Raises ImportStoppedError when there is a reason to stop; costs no query."""
        self.done, self.total = done, total
        self.stop_if_wanted()

    def stop_if_wanted(self) -> None:
        """Raises ImportStoppedError: cancelled, in other hands, a worker that ends, or a lease nobody could renew."""
        if self.must_stop or self._is_stopping():
            raise ImportStoppedError

    def say_alive(self) -> ImportStanding:
        """With how far the import is."""
        return report_progress(self.job, done=self.done, total=self.total)
