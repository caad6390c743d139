"""The parts' log files: kept small, and watched for lines that a person should see on the terminal."""

import contextlib
import json
import re
import shutil
import time
from itertools import pairwise
from pathlib import Path

KEPT_LOGS = 3
MAX_LOG_BYTES = 20_000_000
MAX_READ_BYTES = 256_000
MAX_SHOWN_LINES = 5
SHOWN_WINDOW_SECONDS = 10.0
MAX_SHOWN_CHARACTERS = 300
HEALTH_ANSWER = "/healthz/"  # a 503 there is an answer that somebody asked for, no error
IMPORTANT = re.compile(r'\b(?:ERROR|CRITICAL|FATAL)\b|"level": ?"(?:error|critical)"|\[(?:error|critical) *\]')


def rotate_log(path: Path) -> None:
    """Make room for a new log: x.log becomes x.log.1, x.log.1 becomes x.log.2; the oldest goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT_LOGS + 1))]
    for newer, older in reversed(list(pairwise(names))):
        with contextlib.suppress(FileNotFoundError):
            newer.replace(older)


def read_last_lines(path: Path, count: int) -> list[str]:
    """The end of a log, for the sentence that explains a failed start; empty when there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - MAX_READ_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def shorten(line: str) -> str:
    """One readable line: of a structured entry only what happened, cut to a terminal's few rows."""
    with contextlib.suppress(ValueError):
        entry = json.loads(line)
        if isinstance(entry, dict) and "event" in entry:
            cause = str(entry.get("error") or str(entry.get("exception", "")).rstrip().rpartition("\n")[2])
            line = f"{entry['event']}: {cause}" if cause else str(entry["event"])
    return line[:MAX_SHOWN_CHARACTERS]


class LogWatch:
    """Reads what was added to one log since the last look. The writer appends, so the file may be cut under it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0
        self._rest = b""
        self._window_began = -SHOWN_WINDOW_SECONDS
        self._shown = 0
        self._hidden = 0
        self._last_shown = ""

    def read_important_lines(self) -> list[str]:
        """New lines that report an error, shortened; a few each 10 seconds, then how many more there were."""
        lines: list[str] = []
        now = time.monotonic()
        if now - self._window_began >= SHOWN_WINDOW_SECONDS:
            if self._hidden:
                lines.append(f"… and {self._hidden} more lines like these in {self.path}")
            self._window_began, self._shown, self._hidden = now, 0, 0
        for line in self._read_new_lines():
            if not IMPORTANT.search(line) or HEALTH_ANSWER in line:
                continue
            short = shorten(line)
            if short == self._last_shown:  # a part that tries again and again says it once
                continue
            if self._shown < MAX_SHOWN_LINES:
                self._shown += 1
                self._last_shown = short
                lines.append(short)
            else:
                self._hidden += 1
        return lines

    def _read_new_lines(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._position)
                added = file.read(MAX_READ_BYTES)
        except FileNotFoundError:
            return []
        self._position += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        self._rest = self._rest[-MAX_READ_BYTES:]
        if self._position > MAX_LOG_BYTES:
            self._cut()
        return [line.decode("utf-8", "replace") for line in lines]

    def _cut(self) -> None:
        """Keep the log's content beside it and empty it in place: the writer keeps its open file."""
        shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
        with self.path.open("r+b") as file:
            file.truncate(0)
        self._position = 0
        self._rest = b""
