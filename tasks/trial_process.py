"""The trial of a version in a child process: whatever it does to memory or processor, the worker goes on answering."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings

from classifier.models import ModelVersion

logger = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.1
_LAST_WORDS_BYTES: Final = 4000
_SAID_PREFIX: Final = "CommandError: "
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
    """`manage.py prove … --tethered`, watched until it ends; asked ten times a second whether it may go on.

    It ends with this process, however that ends, and is killed past its time or memory.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and command; the id is a UUID, the slug a slug
            [sys.executable, "manage.py", "prove", version.classifier.slug, str(version.id), "--tethered"],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=errors,
            start_new_session=True,
        )
        try:
            stopped = _watch(process, may_go_on)
        finally:
            process.kill()
            code = process.wait()
            if process.stdin is not None:
                process.stdin.close()
        trial = stopped or _read_trial(version, code, _last_line(said.fileno()), _last_line(errors.fileno()))
    logger.info("version_tried", version=version.number, verdict=str(trial.verdict), words=trial.words)
    return trial


def _watch(process: subprocess.Popen[bytes], may_go_on: Callable[[], bool]) -> Trial | None:
    """None when it ended by itself, else why it must be killed."""
    ends = time.monotonic() + settings.PROMOTION_TRIAL_SECONDS
    while process.poll() is None:
        if not may_go_on():
            return Trial(Verdict.LEFT)
        if time.monotonic() > ends:
            seconds = f"{settings.PROMOTION_TRIAL_SECONDS:g} s"
            return Trial(Verdict.REFUSED, f"It did not load and answer within {seconds}.")
        if _resident_bytes(process.pid) > settings.PROMOTION_MEMORY_BYTES:
            megabytes = settings.PROMOTION_MEMORY_BYTES // 1_000_000
            return Trial(Verdict.REFUSED, f"It took more than {megabytes} MB of memory while it was loaded.")
        try:
            process.wait(timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return None


def _read_trial(version: ModelVersion, code: int, said: str, errors: str) -> Trial:
    if code == 0:
        return Trial(Verdict.PROVED, said)
    if code == os.EX_TEMPFAIL:
        return Trial(Verdict.TROUBLE, "The stored models were out of reach.")
    if errors.startswith(_SAID_PREFIX):
        return Trial(Verdict.REFUSED, errors.removeprefix(_SAID_PREFIX))
    logger.error("trial_crashed", version=version.number, exit_code=code, last_words=errors)
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return Trial(Verdict.REFUSED, f"Loading {version} ended with {how}; the worker's log says more.")


def _last_line(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, _LAST_WORDS_BYTES, max(0, size - _LAST_WORDS_BYTES)).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _resident_bytes(process_id: int) -> int:
    """0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0
