"""The thread a worker has beside Celery's, one a queue and process: its bootstep, and the bell that wakes it."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from typing import Any, ClassVar

from celery import bootsteps


class QueueThread(threading.Thread):
    """Sleeps until the bell or its own poll, works on what the rows say, ends at the worker's warm shutdown."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._bell = threading.Event()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """There may be work."""
        self._bell.set()

    def stop(self, timeout_seconds: float) -> None:
        """Finish what is in hand, then end."""
        self._stopping.set()
        self._bell.set()
        self.join(timeout_seconds)


# By queue: how a task reaches the thread of its process.
_running: dict[str, QueueThread] = {}


def wake_thread(queue: str) -> None:
    """Wake this process' thread for the queue, if it has one."""
    thread = _running.get(queue)
    if thread is not None:
        thread.wake()


class QueueThreadStep(bootsteps.StartStopStep):
    """Owns the thread of a worker that serves the queue; each queue has a subclass."""

    requires = ("celery.worker.components:Pool",)
    queue: ClassVar[str]

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = self.queue in parent.app.amqp.queues.consume_from

    def make_thread(self) -> QueueThread:
        """A fresh thread, not yet started."""
        raise NotImplementedError

    def stop_seconds(self) -> float:
        """How long a warm shutdown waits for what the thread has in hand."""
        raise NotImplementedError

    def start(self, parent: Any) -> None:
        thread = self.make_thread()
        _running[self.queue] = thread
        thread.start()

    def stop(self, parent: Any) -> None:
        thread = _running.pop(self.queue, None)
        if thread is not None:
            thread.stop(self.stop_seconds())
