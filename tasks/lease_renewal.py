"""Keeping a claimed row while a child process works on it."""

from __future__ import annotations

import time
from collections.abc import Callable


class LeaseRenewal:
    """Asked again and again whether the work may go on; renews the lease each time a third of it has passed.

    `renew` says whether the row is still ours. Counted from now: make it right after the claim.
    """

    def __init__(self, renew: Callable[[], bool], lease_seconds: float, is_stopping: Callable[[], bool]) -> None:
        self._renew = renew
        self._pause_seconds = lease_seconds / 3
        self._is_stopping = is_stopping
        self._renewed_at = time.monotonic()

    def __call__(self) -> bool:
        if self._is_stopping():
            return False
        if time.monotonic() - self._renewed_at < self._pause_seconds:
            return True
        self._renewed_at = time.monotonic()
        return self._renew()
