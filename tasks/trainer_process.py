"""One training run in a child process: started, watched, stopped; its row ended where it could not do so itself."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
import time
from typing import Final
from uuid import UUID

import structlog

from classifier.training_checkpoints import forget_checkpoint
from classifier.training_queue import end_abandoned_run, is_cancel_requested, read_claim
from tasks.tethered_child import describe_end, last_line, last_words, start_tethered

logger = structlog.get_logger(__name__)

GRACE_SECONDS: Final = 20.0
CANCEL_LOOK_SECONDS: Final = 2.0
INTERRUPTED: Final = 130


class TrainerProcess:
    """`manage.py train --run ID`: memory comes back when it ends, and a crash is an exit code.

    When this process dies, however, the child stops.
    """

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self._claim_before = read_claim(run_id)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process, in `wait`
        # A Ctrl-C meant for the worker reaches the child as the worker's own TERM.
        command = ["train", "--run", str(run_id)]
        self._process = start_tethered(command, said=subprocess.DEVNULL, errors=self._errors)

    @property
    def worker(self) -> str:
        """The name under which the child claims its run."""
        return f"{socket.gethostname()}:{self._process.pid}"

    def watch(self, stopping: threading.Event) -> int:
        """Wait for the end, asked for by a cancel, by `stopping`, or reached by itself; returns the exit code."""
        looked_at = 0.0
        told_at: float | None = None
        while self._process.poll() is None:
            if told_at is not None and time.monotonic() - told_at > GRACE_SECONDS:
                self._process.kill()
            elif told_at is None and stopping.is_set():
                self._process.terminate()
                told_at = time.monotonic()
            elif told_at is None and time.monotonic() - looked_at > CANCEL_LOOK_SECONDS:
                looked_at = time.monotonic()
                if is_cancel_requested(self.run_id):
                    self._process.terminate()
                    told_at = time.monotonic()
            self._wait_a_moment()
        return self._close()

    def _wait_a_moment(self) -> None:
        try:
            self._process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            return

    def _close(self) -> int:
        code = self._process.returncode
        words = last_words(self._errors)
        reason = describe_end(code, words, process="training process")
        self._errors.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if code not in (0, INTERRUPTED) and end_abandoned_run(
            run_id=self.run_id, worker=self.worker, claim_before=self._claim_before, reason=reason
        ):
            forget_checkpoint(self.run_id)
            logger.error("trainer_died", run=str(self.run_id), exit_code=code, last_words=last_line(words))
        return code
