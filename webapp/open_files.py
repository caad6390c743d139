"""How many connections one process may hold: each is an open file, and shells commonly allow only 1,024 of them."""

from __future__ import annotations

import contextlib
import resource


def allow_many_open_files() -> None:
    """Raise this process's own limit to the highest that it may set; where it may not, all stays as it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
