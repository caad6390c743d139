"""The product as a person starts it: `manage.py up` on a free port, with a state folder of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.free_ports import free_port
from tests.migrated_database import put_migrated_database
from tests.stack import ROOT

START_SECONDS = 180.0
STOP_SECONDS = 60.0
READY = "Whatsit is ready"


class Site:
    """A running `manage.py up` with these options and settings; `address` is where its pages are."""

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        self.folder = folder
        self.options = options
        self.settings = settings
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []
        self._heard: queue.Queue[str | None] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start and wait for the line that says it is ready. An empty folder is for tests/webapp/test_up.py."""
        put_migrated_database(self.folder)
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(self.port), *self.options],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while not any(READY in line for line in self.lines):
            try:
                line = self._heard.get(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not within {START_SECONDS:g} s: {READY}\n{''.join(self.lines)}") from None
            assert line is not None, "`manage.py up` ended:\n" + "".join(self.lines)
            self.lines.append(line)

    def environment(self) -> dict[str, str]:
        """A bare installation: nothing of the test run's own settings, and its own Redis."""
        ours = {"REDIS_URL", "DATABASE_URL", "STORAGE_URL", "PREDICTOR"}
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        return {**kept, "WHATSIT_VAR": str(self.folder), **self.settings}

    def _listen(self) -> None:
        assert self._process
        assert self._process.stdout
        for line in self._process.stdout:
            self._heard.put(line)
        self._heard.put(None)

    def kill_part(self, words: str) -> None:
        """End one part as a crash would: the process whose command line holds these words."""
        os.kill(self._find_part(words)[0], signal.SIGKILL)

    @contextmanager
    def pause_part(self, words: str) -> Iterator[None]:
        """Hold every process whose command line holds these words for the length of the block."""
        parts = self._find_part(words)
        for number in parts:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in parts:
                os.kill(number, signal.SIGCONT)

    def _find_part(self, words: str) -> list[int]:
        found = []
        for number in self._family():
            command = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if words in command:
                found.append(number)
        assert found, f"no part runs {words!r}"
        return found

    def _family(self) -> list[int]:
        """Every process below `up`, by asking the kernel for each one's parent."""
        assert self._process
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
        family = [self._process.pid]
        for number in family:
            family.extend(child for child, parent in parents.items() if parent == number)
        return family[1:]

    def stop(self) -> int:
        """One Ctrl-C; returns the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
