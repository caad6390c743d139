"""The process that makes heat maps: started when one waits, watched until it ends for want of work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Final

import structlog
from django.conf import settings

logger = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2


def explain_in_child(*, may_go_on: Callable[[], bool]) -> bool:
    """`manage.py explain --tethered`; True when it ended well. It ends with this process, however that ends.

    What it had in hand when it was killed or crashed comes back with its lease.
    """
    process = subprocess.Popen(
        [sys.executable, "manage.py", "explain", "--tethered"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while process.poll() is None and may_go_on():
            try:
                process.wait(timeout=_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        was_told = process.poll() is None
    finally:
        process.kill()
        code = process.wait()
        if process.stdin is not None:
            process.stdin.close()
    if code and not was_told:
        logger.error("explanation_process_ended", exit_code=code)
    return not code
