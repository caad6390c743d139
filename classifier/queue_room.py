"""How many pictures may wait for an answer: beyond it senders are told to come back. Knows rows, not requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from classifier.errors import QueueFull
from classifier.models import Prediction
from classifier.models.prediction import NOT_ENDED

LOOK_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Seen:
    waiting: int
    at: float


class QueueRoom:
    """One a process; may be asked from any thread. Counts the rows once a second and what it lets in meanwhile, so
    several processes together may pass the limit by what they accept in a second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._seen: dict[int, _Seen] = {}

    def take(self, *, priority: int, pictures: int) -> None:
        """Let so many in. Only what would be answered before them counts, so bulk work never keeps a person out.

        Raises QueueFull.
        """
        limit = settings.QUEUE_MAX_PICTURES
        if not limit:
            return
        if self._is_old(priority):
            self._look(priority, limit)
        with self._turn:
            seen = self._seen[priority]
            if seen.waiting >= limit:
                raise QueueFull
            seen.waiting += pictures

    def _is_old(self, priority: int) -> bool:
        """Whether this thread is to look; the others go by the last look until it is back."""
        with self._turn:
            seen, now = self._seen.get(priority), self._clock()
            if seen is not None and now - seen.at < LOOK_SECONDS:
                return False
            if seen is not None:
                seen.at = now
            return True

    def _look(self, priority: int, limit: int) -> None:
        # Of the index alone: 10,000 waiting rows are counted in 1 ms.
        before_it = Prediction.objects.filter(NOT_ENDED, priority__lte=priority).order_by().values_list("priority")
        waiting = before_it[:limit].count()
        with self._turn:
            self._seen[priority] = _Seen(waiting, self._clock())


queue_room = QueueRoom()
