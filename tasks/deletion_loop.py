"""The workers' threads for deletions: pending ones and retention on the default queue, caches on every disk."""

from __future__ import annotations

import time
from typing import Final

from django.conf import settings

from classifier.retention import delete_old_images
from tasks.deleting import carry_on_deletions
from tasks.picture_caches import forget_cached_pictures
from tasks.worker_threads import PollingThread, QueueThread, QueueThreadStep

BELL: Final = "deletions"
CACHE_BELL: Final = "picture-caches"
_STOP_SECONDS: Final = 10.0


class DeletionLoop(PollingThread):
    """Ends what is pending at every bell and poll; looks for images that are too old every RETENTION_POLL_SECONDS."""

    def __init__(self) -> None:
        super().__init__("deletion-loop")
        self._retention_at = 0.0

    def poll_seconds(self) -> float:
        return settings.DELETION_POLL_SECONDS

    def work_off(self) -> None:
        carry_on_deletions(worker=self.worker, is_stopping=self._stopping.is_set)
        if time.monotonic() >= self._retention_at:
            delete_old_images(is_stopping=self._stopping.is_set)
            self._retention_at = time.monotonic() + settings.RETENTION_POLL_SECONDS
            carry_on_deletions(worker=self.worker, is_stopping=self._stopping.is_set)
            forget_cached_pictures()


class CacheLoop(PollingThread):
    """Keeps a train worker's disk free of pictures that were deleted: it may be another machine than the default's."""

    def __init__(self) -> None:
        super().__init__("picture-cache-loop")

    def poll_seconds(self) -> float:
        return settings.RETENTION_POLL_SECONDS

    def work_off(self) -> None:
        forget_cached_pictures()


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
