"""The threads a worker has beside Celery's: their bootsteps, and the bells that wake them."""

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


# By queue, or by the bell's own name: how a task reaches the thread of its process.
_running: dict[str, QueueThread] = {}


def wake_thread(bell: str) -> None:
    """Wake this process' thread for the queue (or of this name), if it has one."""
    thread = _running.get(bell)
    if thread is not None:
        thread.wake()


class QueueThreadStep(bootsteps.StartStopStep):
    """Owns a thread of a worker that serves the queue; each thread has a subclass.

    `bell` names the second thread of a queue.
    """

    requires = ("celery.worker.components:Pool",)
    queue: ClassVar[str]
    bell: ClassVar[str] = ""

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
        _running[self.bell or self.queue] = thread
        thread.start()

    def stop(self, parent: Any) -> None:
        thread = _running.pop(self.bell or self.queue, None)
        if thread is not None:
            thread.stop(self.stop_seconds())
