"""Ends the process groups of a stack whose supervisor was killed. A program of its own: standard library only.

Called as `python -I -S guard.py`; reads `+GROUP` and `-GROUP` lines on stdin. Only the supervisor holds the other end,
so end of file means that it is gone. Reaches grandchildren, which the tether cannot, and systems that know no tether.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def end_groups(groups: Iterable[int]) -> None:
    """Kill every process of the groups; a group that is gone already is what was wanted."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Keep the list of groups until the supervisor is gone, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    while line := sys.stdin.readline():
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    end_groups(groups)


if __name__ == "__main__":
    main()
