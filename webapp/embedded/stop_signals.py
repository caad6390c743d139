"""Ctrl-C and TERM, turned into one flag, and the impatient second Ctrl-C into an exception."""

import signal
import time
from types import FrameType

SAME_STOP_SECONDS = 1.0


class StopAsked(Exception):  # noqa: N818 - a request, no error
    """A person or the system asked for an orderly stop."""


class KillAsked(BaseException):
    """Asked again while stopping: end at once. No `except Exception` may swallow it."""


class StopSignals:
    """Listens for INT, TERM and HUP, also where INT was ignored at start (background jobs, nohup)."""

    def __init__(self) -> None:
        self.asked_at: float | None = None

    def install(self) -> None:
        """Take the signals over. A HUP ignored at start stays ignored: that is what nohup is for."""
        signal.signal(signal.SIGINT, self._receive)
        signal.signal(signal.SIGTERM, self._receive)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._receive)

    def check(self) -> None:
        """Raise StopAsked once a stop was asked for."""
        if self.asked_at is not None:
            raise StopAsked

    def _receive(self, number: int, frame: FrameType | None) -> None:
        """One press may arrive twice (terminal and make): what comes within a second is the same request."""
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
        elif now - self.asked_at > SAME_STOP_SECONDS:
            raise KillAsked
