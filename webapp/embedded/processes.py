"""The supervisor: starts the parts of the stack, starts crashed ones again, stops all in order. Knows no part by name.

Everything runs in one thread, because the kernel's parent-death signal follows the thread that started the child.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from webapp.embedded import guard, tether
from webapp.embedded.guard import end_groups
from webapp.embedded.logs import LogWatch, rotate_log

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
LOOK_SECONDS = 0.05
ISOLATED_PYTHON = (sys.executable, "-I", "-S")


@dataclass(frozen=True, slots=True)
class Part:
    """One program of the stack: how it is started and how long it may take to stop."""

    name: str
    command: tuple[str, ...]
    stop_seconds: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)
    standard_input: bytes = b""
    passed_files: tuple[int, ...] = ()
    runs_once: bool = False


@dataclass(slots=True)
class _Running:
    part: Part
    log: LogWatch
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    failures: int = 0
    returncode: int | None = None


def describe_exit(returncode: int) -> str:
    """Put an exit status into words."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"


class Supervisor:
    """Owns the child processes. `check` must be called a few times a second; it never blocks for long."""

    def __init__(self, *, folder: Path, logs_folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._logs_folder = logs_folder
        self._say = say
        self._running: dict[str, _Running] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self, part: Part) -> None:
        """Start a part with a fresh log. From now on it is started again whenever it ends."""
        path = self._logs_folder / f"{part.name}.log"
        rotate_log(path)
        self._running[part.name] = _Running(part, LogWatch(path))
        self._spawn(self._running[part.name])

    def check(self) -> None:
        """Show important log lines; notice parts that ended; start again those whose pause is over."""
        self._check_guard()
        for running in self._running.values():
            for line in running.log.read_important_lines():
                self._say(f"[{running.part.name}] {line}")
            if running.process is None:
                if not running.part.runs_once and time.monotonic() >= running.start_again_at:
                    self._spawn(running)
            elif (returncode := running.process.poll()) is not None:
                self._note_end(running, returncode)

    def is_running(self, name: str) -> bool:
        """True while the part's process lives."""
        running = self._running.get(name)
        return running is not None and running.process is not None and running.process.poll() is None

    def exit_code(self, name: str) -> int | None:
        """The exit status of a part that runs once; None while it runs."""
        return self._running[name].returncode

    def count_failures(self, name: str) -> int:
        """How often in a row the part ended soon after its start."""
        return self._running[name].failures

    def log_path(self, name: str) -> Path:
        """Where the part's output goes."""
        return self._running[name].log.path

    def stop(self, names: Sequence[str]) -> None:
        """Ask these parts to end, all at once, and wait; what takes longer than its time is killed."""
        stopping = [self._running[name] for name in names if name in self._running]
        for running in stopping:
            if running.process is not None and running.process.poll() is None:
                running.process.terminate()
        asked_at = time.monotonic()
        for running in stopping:
            self._await_end(running, asked_at + running.part.stop_seconds)
            del self._running[running.part.name]

    def kill(self) -> None:
        """End everything at once. Safe inside a signal handler."""
        end_groups(running.process.pid for running in self._running.values() if running.process is not None)

    def close(self) -> None:
        """Kill what is left and let the guard go."""
        self.kill()
        for running in self._running.values():
            if running.process is not None:
                running.process.wait()
        self._running.clear()
        if self._guard is not None:
            self._guard.communicate()
            self._guard = None

    def _spawn(self, running: _Running) -> None:
        part = running.part
        with running.log.path.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the parts are ours
                [*ISOLATED_PYTHON, tether.__file__, str(os.getpid()), *part.command],
                stdin=subprocess.PIPE if part.standard_input else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={**os.environ, **part.environment},
                pass_fds=part.passed_files,
                process_group=0,
            )
        self._tell_guard("+", process.pid)
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(part.standard_input)
                process.stdin.close()
        running.process = process
        running.started_at = time.monotonic()

    def _note_end(self, running: _Running, returncode: int) -> None:
        self._forget_process(running)
        running.returncode = returncode
        if running.part.runs_once:
            return
        now = time.monotonic()
        running.failures = 1 if now - running.started_at > STEADY_SECONDS else running.failures + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (running.failures - 1), LONGEST_PAUSE_SECONDS)
        running.start_again_at = now + pause
        name, path = running.part.name, running.log.path
        self._say(f"{name} ended ({describe_exit(returncode)}); it starts again in {pause:g} s. Its log: {path}")

    def _await_end(self, running: _Running, deadline: float) -> None:
        process = running.process
        if process is None:
            return
        try:
            process.wait(max(deadline - time.monotonic(), LOOK_SECONDS))
        except subprocess.TimeoutExpired:
            self._say(f"{running.part.name} did not end within {running.part.stop_seconds:g} s and was killed.")
        self._forget_process(running)

    def _forget_process(self, running: _Running) -> None:
        """End whatever the part left in its process group, then drop it."""
        if running.process is None:
            return
        group = running.process.pid
        end_groups([group])
        running.process.wait()
        self._tell_guard("-", group)
        running.process = None

    def _check_guard(self) -> None:
        if self._guard is not None and self._guard.poll() is not None:
            self._guard = None
            for running in self._running.values():
                if running.process is not None:
                    self._tell_guard("+", running.process.pid)

    def _tell_guard(self, sign: str, group: int) -> None:
        if self._guard is None:
            self._guard = subprocess.Popen(  # noqa: S603 - our own file
                [*ISOLATED_PYTHON, guard.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                process_group=0,
            )
        assert self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(f"{sign}{group}\n".encode())
            self._guard.stdin.flush()
