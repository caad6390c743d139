"""The workers' threads for deletions: pending ones and retention on the default queue, caches on every disk."""

from __future__ import annotations

import time
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.retention import delete_old_images
from tasks.deleting import carry_on_deletions
from tasks.picture_caches import forget_cached_pictures
from tasks.worker_threads import QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

BELL: Final = "deletions"
CACHE_BELL: Final = "picture-caches"
_STOP_SECONDS: Final = 10.0


class DeletionLoop(QueueThread):
    """Ends what is pending at every bell and poll; looks for images that are too old every RETENTION_POLL_SECONDS."""

    def __init__(self) -> None:
        super().__init__("deletion-loop")
        self._retention_at = 0.0

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                close_old_connections()
                self._work()
            except (DatabaseError, InterfaceError) as problem:
                logger.warning("database_trouble", error=repr(problem))
                connection.close()
            except Exception:
                logger.exception("deletion_loop_failed")
                connection.close()
            self._bell.wait(settings.DELETION_POLL_SECONDS)
            self._bell.clear()
        connection.close()

    def _work(self) -> None:
        carry_on_deletions(worker=self.worker, is_stopping=self._stopping.is_set)
        if time.monotonic() >= self._retention_at:
            delete_old_images(is_stopping=self._stopping.is_set)
            self._retention_at = time.monotonic() + settings.RETENTION_POLL_SECONDS
            carry_on_deletions(worker=self.worker, is_stopping=self._stopping.is_set)
            forget_cached_pictures()


class CacheLoop(QueueThread):
    """Keeps a train worker's disk free of pictures that were deleted: it may be another machine than the default's."""

    def __init__(self) -> None:
        super().__init__("picture-cache-loop")

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                close_old_connections()
                forget_cached_pictures()
            except (DatabaseError, InterfaceError, OSError) as problem:
                logger.warning("picture_caches_not_looked_through", error=repr(problem))
                connection.close()
            self._bell.wait(settings.RETENTION_POLL_SECONDS)
            self._bell.clear()
        connection.close()


class DeletionStep(QueueThreadStep):
    """Owns the loop of a worker that serves the default queue; what is left at a stop is taken up by the next."""

    queue = "default"
    bell = BELL

    def make_thread(self) -> QueueThread:
        return DeletionLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS


class CacheStep(QueueThreadStep):
    """Owns the loop of a worker that serves the train queue."""

    queue = "train"
    bell = CACHE_BELL

    def make_thread(self) -> QueueThread:
        return CacheLoop()

    def stop_seconds(self) -> float:
        return _STOP_SECONDS
