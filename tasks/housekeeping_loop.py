"""The default worker's own poll: a message lost on its way to the default queue costs time, never work."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from classifier.promotion_requests import expire_promotions
from tasks.repredicting import ROUND_SECONDS, follow_up_promotions
from tasks.worker_threads import PollingThread, QueueThread, QueueThreadStep

QUEUE: Final = "default"
_STOP_SECONDS = 10.0


class HousekeepingLoop(PollingThread):
    """Looks every HOUSEKEEPING_POLL_SECONDS for promotions that nobody has followed up, or that no worker took."""

    def __init__(self) -> None:
        super().__init__("housekeeping-loop")

    def poll_seconds(self) -> float:
        return settings.HOUSEKEEPING_POLL_SECONDS

    def work_off(self) -> None:
        follow_up_promotions(seconds=ROUND_SECONDS, is_stopping=self._stopping.is_set)
        expire_promotions()


class HousekeepingStep(QueueThreadStep):
    """Owns the loop of a worker that serves the default queue."""

    queue = QUEUE

    def make_thread(self) -> QueueThread:
        return HousekeepingLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
