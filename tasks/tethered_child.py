"""A `manage.py` command in a child process: memory comes back when it ends, and a crash is an exit code."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final, Generic, TypeVar

from django.conf import settings

Stop = TypeVar("Stop")

SAID_PREFIX: Final = "CommandError: "
"""How a command that refuses begins its last line; what follows is a sentence for people."""

_PLACE: Final = re.compile(r"(?<![\w/])(?:\w[\w+.-]*://|/)[^\s'\",;)]+")
_LAST_WORDS_BYTES: Final = 4000


@dataclass(frozen=True, slots=True)
class ChildEnd(Generic[Stop]):
    """How a child ended; `stopped` is why it was killed, None when it ended by itself."""

    code: int
    stopped: Stop | None
    said: str
    errors: str

    @property
    def refusal(self) -> str:
        """The sentence of a command that refused, else empty."""
        last = last_line(self.errors)
        return last.removeprefix(SAID_PREFIX) if last.startswith(SAID_PREFIX) else ""


def start_tethered(
    command: Sequence[str], *, said: IO[bytes] | int, errors: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    """Start `manage.py COMMAND… --tethered`: it holds the reading end of a pipe of ours, so that it ends with this
    process, however that ends. A Ctrl-C meant for the worker does not reach it; without `errors` it writes to ours.
    """
    return subprocess.Popen(  # noqa: S603 - our own interpreter and commands; ids are UUIDs, names are slugs
        [sys.executable, "manage.py", *command, "--tethered"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=errors,
        start_new_session=True,
    )


def run_tethered(
    command: Sequence[str], *, why_stop: Callable[[int], Stop | None], look_seconds: float
) -> ChildEnd[Stop]:
    """Run it until it ends, or until `why_stop(process id)`, asked every `look_seconds`, gives a reason to kill it."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        process = start_tethered(command, said=said, errors=errors)
        code, stopped = watch_to_end(process, why_stop=why_stop, look_seconds=look_seconds)
        return ChildEnd(code, stopped, last_words(said), last_words(errors))


def watch_to_end(
    process: subprocess.Popen[bytes], *, why_stop: Callable[[int], Stop | None], look_seconds: float
) -> tuple[int, Stop | None]:
    """Exit code, and why it was killed if it was. Nothing of it is left, whatever is raised meanwhile."""
    try:
        stopped = _watch(process, why_stop, look_seconds)
    finally:
        process.kill()
        code = process.wait()
        if process.stdin is not None:
            process.stdin.close()
    return code, stopped


def _watch(
    process: subprocess.Popen[bytes], why_stop: Callable[[int], Stop | None], look_seconds: float
) -> Stop | None:
    while process.poll() is None:
        reason = why_stop(process.pid)
        if reason is not None:
            return reason
        try:
            process.wait(timeout=look_seconds)
        except subprocess.TimeoutExpired:
            continue
    return None


def last_words(file: IO[Any]) -> str:
    """The end of what a child wrote."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _LAST_WORDS_BYTES))
    text: str = file.read().decode("utf-8", "replace")
    return text


def last_line(words: str) -> str:
    """The last line that says anything, or nothing."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def describe_end(exit_code: int, words: str, *, process: str) -> str:
    """Why a child ended that said nothing in its row; `process` names it: "training process"."""
    if exit_code == -9:
        return f"The {process} was killed (signal 9), perhaps because the memory ran out."
    if exit_code < 0:
        return f"The {process} was ended by signal {-exit_code}."
    said = without_places(last_line(words))[:200]
    return f"The {process} ended with exit code {exit_code}: {said or 'it said nothing'}"


def without_places(words: str) -> str:
    """The words without paths and addresses of this machine: who may see a run need not know where it ran."""
    return _PLACE.sub("…", words)
