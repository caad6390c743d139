"""The default worker's own poll: a message lost on its way to the default queue costs time, never work."""

from __future__ import annotations

from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.promotion_requests import expire_promotions
from tasks.repredicting import ROUND_SECONDS, follow_up_promotions
from tasks.worker_threads import QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

QUEUE: Final = "default"
_STOP_SECONDS = 10.0


class HousekeepingLoop(QueueThread):
    """Looks every HOUSEKEEPING_POLL_SECONDS for promotions that nobody has followed up, or that no worker took."""

    def __init__(self) -> None:
        super().__init__("housekeeping-loop")

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                close_old_connections()
                follow_up_promotions(seconds=ROUND_SECONDS, is_stopping=self._stopping.is_set)
                expire_promotions()
            except (DatabaseError, InterfaceError) as problem:
                logger.warning("database_trouble", error=repr(problem))
                connection.close()
            except Exception:
                logger.exception("housekeeping_failed")
                connection.close()
            self._bell.wait(settings.HOUSEKEEPING_POLL_SECONDS)
            self._bell.clear()
        connection.close()


class HousekeepingStep(QueueThreadStep):
    """Owns the loop of a worker that serves the default queue."""

    queue = QUEUE

    def make_thread(self) -> QueueThread:
        return HousekeepingLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
