"""Commands that a worker starts as its children: they give way to predictions and end with the worker."""

from __future__ import annotations

import os
import signal
import sys
import threading

CHILD_NICE = 10


def serve_the_worker() -> None:
    """Give way to predictions (nice 10), and stop when the worker at the other end of standard input is gone."""
    os.nice(CHILD_NICE)

    def follow() -> None:
        os.read(sys.stdin.fileno(), 1)  # not sys.stdin's own reader: its lock would abort the interpreter's end
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="tether", daemon=True).start()
