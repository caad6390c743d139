"""The train worker's one loop: has a child work on the run that is due. Bell, poll and stop are one path."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.heartbeats import beat
from classifier.training_queue import find_due_run
from tasks.heartbeat_thread import HeartbeatThread
from tasks.trainer_process import GRACE_SECONDS, TrainerProcess
from tasks.worker_threads import QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

QUEUE: Final = "train"


class TrainLoop(QueueThread):
    """One run at a time; what waits in the rows is found by the poll even when every message is lost."""

    def __init__(self) -> None:
        super().__init__("train-loop")

    def run(self) -> None:
        # A thread of its own: the loop may watch one child for hours.
        say = partial(beat, worker=self.worker, queue=QUEUE, device=describe_device())
        HeartbeatThread(owner=self, stopping=self._stopping, say=say).start()
        while not self._stopping.is_set():
            try:
                self._train_due_runs()
            except (DatabaseError, InterfaceError) as problem:
                logger.warning("database_trouble", error=repr(problem))
                connection.close()
            except OSError as problem:
                logger.error("trainer_not_started", error=repr(problem))
            self._bell.wait(settings.TRAINING_POLL_SECONDS)
            self._bell.clear()
        connection.close()

    def _train_due_runs(self) -> None:
        close_old_connections()
        while not self._stopping.is_set() and (run_id := find_due_run()) is not None:
            started = time.monotonic()
            code = TrainerProcess(run_id).watch(self._stopping)
            logger.info("trainer_ended", run=str(run_id), exit_code=code, seconds=round(time.monotonic() - started, 1))
            if code:
                return  # the poll looks again, so that a run that cannot be claimed is not tried without a pause


def describe_device(devices: Path = Path("/dev")) -> str:
    """“2 GPUs” or “cpu”, by what the system shows: this process never loads TensorFlow."""
    count = len(list(devices.glob("nvidia[0-9]*")))
    if not count:
        return "cpu"
    return "1 GPU" if count == 1 else f"{count} GPUs"


class TrainStep(QueueThreadStep):
    """Owns the loop of a worker that serves the train queue; its child gives the run back before it ends."""

    queue = QUEUE

    def make_thread(self) -> QueueThread:
        return TrainLoop()

    def stop_seconds(self) -> float:
        return GRACE_SECONDS + 5
