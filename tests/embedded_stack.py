"""`manage.py up` as a real process for tests: reads what it says, finds every process that belongs to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ml.artifact import read_manifest
from tests.stub_predictor import StubPredictor

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180.0
Value = TypeVar("Value")


class AnyWeights(StubPredictor):
    """The stub in place of whatever model is live: `up` installs the starter model, which is no stub."""

    @classmethod
    def load(cls, folder: Path) -> AnyWeights:
        """Ignore the weights, keep the labels."""
        made = cls(0)
        made.labels = list(read_manifest(folder).labels)
        return made


class EmbeddedStack:
    """One run of `up`. Everything it starts carries its folder in the environment, so nobody can hide."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *options: str,
        environment: Mapping[str, str] | None = None,
        ignore_interrupts: bool = False,
        real_model: bool = False,
    ) -> None:
        self.folder = folder
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.said: list[str] = []
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"REDIS_URL", "STORAGE_URL", "DATABASE_URL"}
        }
        predictor = {} if real_model else {"PREDICTOR": "tests.embedded_stack.AnyWeights"}
        before = signal.getsignal(signal.SIGINT)
        if ignore_interrupts:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(port), *options],
                cwd=ROOT,
                env={**inherited, "WHATSIT_VAR": str(folder), **predictor, **(environment or {})},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                process_group=0,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))

    def await_line(self, pattern: str, seconds: float = START_SECONDS) -> str:
        """The first line said, so far or within the time, that matches."""
        return await_value(
            lambda: next((line for line in self.said if re.search(pattern, line)), None), seconds, pattern
        )

    def await_ready(self) -> None:
        """Until everything runs. Ends the wait at once when `up` ended instead; ends `up` when it takes too long."""
        try:
            await_value(
                lambda: self.process.poll() is not None or any("is ready after" in line for line in self.said) or None,
                START_SECONDS,
                "ready",
            )
        except AssertionError as problem:
            self.end()
            raise AssertionError(f"{problem}\n{self.text}") from None
        assert self.process.poll() is None, self.text

    @property
    def text(self) -> str:
        """Everything said so far."""
        return "\n".join(self.said)

    def find(self, words: str) -> int:
        """The process id of the part whose command line holds these words."""
        return await_value(
            lambda: next((number for number in self.process_ids() if words in command_line(number)), None), 90, words
        )

    def process_ids(self) -> list[int]:
        """Every living process of this run but `up` itself."""
        mark = f"WHATSIT_VAR={self.folder}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                folder = (entry / "cwd").readlink()
                state = (entry / "stat").read_text(encoding="latin-1").rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            # Redis writes its title over its environment, but works in the folder.
            belongs = mark in environment.split(b"\0") or folder == self.folder
            if belongs and state != "Z" and int(entry.name) != self.process.pid:
                found.append(int(entry.name))
        return found

    def end(self, seconds: float = 90.0) -> int:
        """Ask it to stop and wait; returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        self._reader.join(60)
        return code


def command_line(process_id: int) -> str:
    """The words of a process' command line; empty for one that is gone."""
    try:
        return (
            (Path("/proc") / str(process_id) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        )
    except OSError:
        return ""


def await_value(ask: Callable[[], Value | None], seconds: float, what: str) -> Value:
    """Ask until there is an answer."""
    deadline = time.monotonic() + seconds
    while (value := ask()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return value
