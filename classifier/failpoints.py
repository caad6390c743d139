"""Named places where a fault test may stop, crash or delay the process. Inert unless FAILPOINTS is set.

FAILPOINTS is `name=action[,name=action…]`; an action is `exit`, `raise` or `sleep:SECONDS`, each optionally followed by
`@N` (the Nth pass only). FAILPOINTS_TOLD names a file that then gets a line `name action` before and, where the process
goes on, `name over` after.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path


class FailpointReached(RuntimeError):  # noqa: N818 - reads as what happened
    """Raised where a test asked for an exception."""


def _parse(text: str) -> dict[str, tuple[str, int]]:
    points: dict[str, tuple[str, int]] = {}
    for entry in filter(None, text.split(",")):
        name, _, action = entry.partition("=")
        action, _, nth = action.partition("@")
        points[name.strip()] = (action, int(nth or 0))
    return points


_points = _parse(os.environ.get("FAILPOINTS", ""))
_told = os.environ.get("FAILPOINTS_TOLD", "")
_passes: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Do what the test asked for at this place; nothing in normal use."""
    if not _points or name not in _points:
        return
    action, nth = _points[name]
    _passes[name] += 1
    if nth and _passes[name] != nth:
        return
    _tell(f"{name} {action}")
    if action == "exit":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "raise":
        raise FailpointReached(name)
    elif action.startswith("sleep:"):
        time.sleep(float(action.removeprefix("sleep:")))
        _tell(f"{name} over")


def _tell(line: str) -> None:
    if _told:
        with Path(_told).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
