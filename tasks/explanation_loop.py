"""The gpu worker's thread for heat maps: starts the process that makes them, beside and below the predictions."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import connection

from classifier.explanations import QUEUE, has_due_explanations
from tasks.explaining_process import explain_in_child
from tasks.worker_threads import PollingThread, QueueThread, QueueThreadStep

BELL: Final = "explanations"
_STOP_SECONDS: Final = 10.0


class ExplanationLoop(PollingThread):
    """One process at a time; what waits in the rows is found by the poll even when every message is lost."""

    def __init__(self) -> None:
        super().__init__("explanation-loop")

    def poll_seconds(self) -> float:
        return settings.PREDICTION_POLL_SECONDS

    def work_off(self) -> None:
        """While something waits: a process that makes it. One that crashed is tried again at the next poll."""
        while not self._stopping.is_set() and has_due_explanations():
            connection.close()  # it would lie open for as long as the process works
            if not explain_in_child(may_go_on=lambda: not self._stopping.is_set()):
                return


class ExplanationStep(QueueThreadStep):
    """Owns the loop of a worker that serves the gpu queue; at a stop its process ends too."""

    queue = QUEUE
    bell = BELL

    def make_thread(self) -> QueueThread:
        return ExplanationLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
