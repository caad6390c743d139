"""Keeps a training run's lease while this process works on it, tells how far it is, hears when it must stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from classifier.training_news import tell_progress
from classifier.training_runs import ClaimedRun, renew_lease

logger = structlog.get_logger(__name__)

RENEWALS: Final = 9
PUSH_SECONDS: Final = 1.0
SURE_SHARE: Final = 0.05
"""Before that much of a phase is done its rest is anybody's guess: the first steps also build the network."""
_ENDS: Final = {
    "fetching": 0.02,
    "preparing": 0.05,
    "features": 0.8,
    "training": 0.9,
    "fine_tuning": 0.95,
    "measuring": 1.0,
}
"""Where each phase ends in the progress of the whole run; a phase begins where the one before it stopped."""


class RunKeeper:
    """A thread that renews the lease nine times a lease, with the progress, whatever the trainer is busy with."""

    def __init__(self, run: ClaimedRun) -> None:
        self.run = run
        self.is_cancelled = False
        self.is_lost = False
        self._progress: dict[str, Any] = {}
        self._phase, self._phase_began_at, self._overall = "", 0.0, 0.0
        self._pushed_at = -PUSH_SECONDS
        self._ended = threading.Event()
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name="run-keeper", daemon=True)

    @property
    def must_stop(self) -> bool:
        """Cancelled, in other hands, or unable to say for a whole lease that it lives."""
        return (
            self.is_cancelled or self.is_lost or time.monotonic() - self._renewed_at > settings.TRAINING_LEASE_SECONDS
        )

    def note(
        self,
        phase: str,
        share: float,
        remaining_seconds: float | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """What the next renewal will write, told to who watches at once, though at most once a second.

        `facts`: epoch (from 1), epochs and accuracy, where they are known.
        """
        if phase != self._phase:
            self._phase, self._phase_began_at = phase, self._overall
        ahead = max(0.0, _ENDS.get(phase, 0.0) - self._phase_began_at)
        self._overall = max(self._overall, self._phase_began_at + share * ahead)
        is_guess = remaining_seconds is None or share < SURE_SHARE
        remaining = None if is_guess else round(float(remaining_seconds or 0), 1)
        self._progress = {
            "phase": phase,
            "share": round(share, 4),
            "overall": round(self._overall, 4),
            "remaining_seconds": remaining,
            **(facts or {}),
        }
        if time.monotonic() - self._pushed_at >= PUSH_SECONDS:
            self._pushed_at = time.monotonic()
            tell_progress(self.run.id, self._progress)

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
            while not self._ended.wait(settings.TRAINING_LEASE_SECONDS / RENEWALS):
                self.renew()
        finally:
            connection.close()
