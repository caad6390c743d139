"""A worker's heartbeat from a thread of its own: what the worker does may take hours and must not look like its end."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

logger = structlog.get_logger(__name__)


class HeartbeatThread(threading.Thread):
    """Says every HEARTBEAT_SECONDS what `say` says, while the thread it speaks for lives and is not told to stop."""

    def __init__(self, *, owner: threading.Thread, stopping: threading.Event, say: Callable[[], None]) -> None:
        super().__init__(name=f"{owner.name}-heartbeat", daemon=True)
        self._owner = owner
        self._stopping = stopping
        self._say = say

    def run(self) -> None:
        try:
            while self._owner.is_alive() and not self._stopping.is_set():
                try:
                    self._say()
                except (DatabaseError, InterfaceError) as problem:
                    logger.warning("heartbeat_not_written", error=repr(problem))
                    connection.close()
                self._stopping.wait(settings.HEARTBEAT_SECONDS)
        finally:
            connection.close()
