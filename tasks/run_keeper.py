"""Keeps a training run's lease while this process works on it, tells how far it is, hears when it must stop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from classifier.training_news import tell_progress
from classifier.training_runs import ClaimedRun, Standing, renew_lease
from tasks.lease_keeper import LeaseKeeper

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


class RunKeeper(LeaseKeeper):
    """Renews nine times a lease, with the progress, whatever the trainer is busy with."""

    def __init__(self, run: ClaimedRun) -> None:
        lease = settings.TRAINING_LEASE_SECONDS
        super().__init__("run-keeper", lease_seconds=lease, pause_seconds=lease / RENEWALS)
        self.run = run
        self._progress: dict[str, Any] = {}
        self._phase, self._phase_began_at, self._overall = "", 0.0, 0.0
        self._pushed_at = -PUSH_SECONDS

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

    def say_alive(self) -> Standing:
        """With the progress as last noted."""
        return renew_lease(self.run, progress=self._progress)
