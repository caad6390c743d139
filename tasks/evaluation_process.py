"""One evaluation in a child process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from classifier.models import ModelVersion
from tasks.tethered_child import describe_end, last_line, run_tethered

logger = structlog.get_logger(__name__)

MOST_SECONDS: Final = 3600.0
_LOOK_SECONDS: Final = 0.2


def measure_in_child(version: ModelVersion, *, may_go_on: Callable[[], bool]) -> str:
    """`manage.py evaluate`, watched until it ends; "" when it has stored its figures, else the reason.

    Asked five times a second whether it may go on; it ends with this process, however that ends.
    """
    ends = time.monotonic() + MOST_SECONDS

    def why_stop(process_id: int) -> str | None:
        if not may_go_on():
            return "It was stopped before it was measured."
        if time.monotonic() > ends:
            return f"It was not measured within {MOST_SECONDS / 60:.0f} minutes."
        return None

    command = ["evaluate", version.classifier.slug, "--model", str(version.id)]
    end = run_tethered(command, why_stop=why_stop, look_seconds=_LOOK_SECONDS)
    if end.stopped or end.code == 0:
        return end.stopped or ""
    if end.refusal:
        return end.refusal
    logger.error("evaluation_crashed", version=str(version.id), exit_code=end.code, last_words=last_line(end.errors))
    return describe_end(end.code, end.errors, process="process that measured it")
