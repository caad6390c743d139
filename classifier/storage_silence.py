"""Remembers for a moment that a remote store did not answer, so that tidying up does not wait for it again."""

from __future__ import annotations

import time
from typing import Final

from classifier.errors import StorageUnavailable

_SECONDS: Final = 2.0


class SilenceMemory:
    """An upload that failed on a mute server still has objects to remove; waiting twice would pass the 10 s limit."""

    def __init__(self) -> None:
        self._until = 0.0

    def note(self) -> None:
        """The store did not answer just now."""
        self._until = time.monotonic() + _SECONDS

    def raise_if_recent(self) -> None:
        """Raises StorageUnavailable within two seconds of `note`."""
        if time.monotonic() < self._until:
            raise StorageUnavailable from TimeoutError("the store did not answer a moment ago")
