"""The trial of a version in a child process: whatever it does to memory or processor, the worker goes on answering."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings

from classifier.models import ModelVersion
from tasks.tethered_child import ChildEnd, last_line, run_tethered

logger = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.1
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Verdict(StrEnum):
    """proved; refused: the version's own fault; trouble: ours, try again later; left: told to stop."""

    PROVED = "proved"
    REFUSED = "refused"
    TROUBLE = "trouble"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a trial ended, and the sentence for people."""

    verdict: Verdict
    words: str = ""


def try_version(version: ModelVersion, *, may_go_on: Callable[[], bool]) -> Trial:
    """`manage.py prove`, watched until it ends; asked ten times a second whether it may go on.

    It ends with this process, however that ends, and is killed past its time or memory.
    """
    ends = time.monotonic() + settings.PROMOTION_TRIAL_SECONDS

    def why_stop(process_id: int) -> Trial | None:
        return Trial(Verdict.LEFT) if not may_go_on() else _why_refuse(process_id, ends)

    command = ["prove", version.classifier.slug, str(version.id)]
    end = run_tethered(command, why_stop=why_stop, look_seconds=_LOOK_SECONDS)
    trial = end.stopped or _read_trial(version, end)
    logger.info("version_tried", version=version.number, verdict=str(trial.verdict), words=trial.words)
    return trial


def _why_refuse(process_id: int, ends: float) -> Trial | None:
    """The reason to kill a trial that takes too long or too much."""
    if time.monotonic() > ends:
        seconds = f"{settings.PROMOTION_TRIAL_SECONDS:g} s"
        return Trial(Verdict.REFUSED, f"It did not load and answer within {seconds}.")
    if _resident_bytes(process_id) > settings.PROMOTION_MEMORY_BYTES:
        megabytes = settings.PROMOTION_MEMORY_BYTES // 1_000_000
        return Trial(Verdict.REFUSED, f"It took more than {megabytes} MB of memory while it was loaded.")
    return None


def _read_trial(version: ModelVersion, end: ChildEnd[Trial]) -> Trial:
    if end.code == 0:
        return Trial(Verdict.PROVED, last_line(end.said))
    if end.code == os.EX_TEMPFAIL:
        return Trial(Verdict.TROUBLE, "The stored models were out of reach.")
    if end.refusal:
        return Trial(Verdict.REFUSED, end.refusal)
    logger.error("trial_crashed", version=version.number, exit_code=end.code, last_words=last_line(end.errors))
    how = f"signal {-end.code}" if end.code < 0 else f"exit code {end.code}"
    return Trial(Verdict.REFUSED, f"Loading {version} ended with {how}; the worker's log says more.")


def _resident_bytes(process_id: int) -> int:
    """0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
