"""The process that makes heat maps: started when one waits, watched until it ends for want of work."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Final

import structlog

from tasks.tethered_child import start_tethered, watch_to_end

logger = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2


def explain_in_child(*, may_go_on: Callable[[], bool]) -> bool:
    """`manage.py explain`; True when it ended well. It ends with this process, however that ends.

    What it had in hand when it was killed or crashed comes back with its lease.
    """
    process = start_tethered(["explain"], said=subprocess.DEVNULL, errors=None)
    code, was_told = watch_to_end(
        process, why_stop=lambda process_id: None if may_go_on() else True, look_seconds=_LOOK_SECONDS
    )
    if code and not was_told:
        logger.error("explanation_process_ended", exit_code=code)
    return not code
