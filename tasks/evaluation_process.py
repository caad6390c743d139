"""One evaluation in a child process: memory comes back when it ends, and a crash is an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Final

import structlog
from django.conf import settings

from classifier.models import ModelVersion
from tasks.trainer_process import describe_end

logger = structlog.get_logger(__name__)

MOST_SECONDS: Final = 3600.0
_LOOK_SECONDS: Final = 0.2
_LAST_WORDS_BYTES: Final = 4000
_SAID_PREFIX: Final = "CommandError: "


def measure_in_child(version: ModelVersion, *, may_go_on: Callable[[], bool]) -> str:
    """`manage.py evaluate … --tethered`, watched until it ends; "" when it has stored its figures, else the reason.

    Asked five times a second whether it may go on; it ends with this process, however that ends.
    """
    which = [version.classifier.slug, "--model", str(version.id)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and command; the id is a UUID, the slug a slug
            [sys.executable, "manage.py", "evaluate", *which, "--tethered"],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
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
        return stopped or _read_end(version, code, errors.fileno())


def _watch(process: subprocess.Popen[bytes], may_go_on: Callable[[], bool]) -> str:
    """ "" when it ended by itself, else why it must be killed."""
    ends = time.monotonic() + MOST_SECONDS
    while process.poll() is None:
        if not may_go_on():
            return "It was stopped before it was measured."
        if time.monotonic() > ends:
            return f"It was not measured within {MOST_SECONDS / 60:.0f} minutes."
        try:
            process.wait(timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return ""


def _read_end(version: ModelVersion, code: int, descriptor: int) -> str:
    if code == 0:
        return ""
    size = os.fstat(descriptor).st_size
    words = os.pread(descriptor, _LAST_WORDS_BYTES, max(0, size - _LAST_WORDS_BYTES)).decode("utf-8", "replace")
    last = words.strip().rpartition("\n")[2].strip()
    if last.startswith(_SAID_PREFIX):
        return last.removeprefix(_SAID_PREFIX)
    logger.error("evaluation_crashed", version=str(version.id), exit_code=code, last_words=last)
    return describe_end(code, words).replace("training process", "process that measured it")
