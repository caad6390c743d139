"""The threads a worker has beside Celery's: their bootsteps, and the bells that wake them."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from typing import Any, ClassVar

import structlog
from celery import bootsteps
from django.db import DatabaseError, InterfaceError, close_old_connections, connection


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


class PollingThread(QueueThread):
    """One that works off what its rows say, at every bell and at least every `poll_seconds`.

    Whatever goes wrong is logged and tried again after the next pause: what was in hand comes back with its lease.
    """

    def poll_seconds(self) -> float:
        """The longest pause: what a lost message may cost."""
        raise NotImplementedError

    def work_off(self) -> None:
        """Everything that is due, looking at `_stopping` in between."""
        raise NotImplementedError

    def run(self) -> None:
        logger = structlog.get_logger(type(self).__module__)
        while not self._stopping.is_set():
            try:
                close_old_connections()
                self.work_off()
            except (DatabaseError, InterfaceError) as problem:
                logger.warning("database_trouble", error=repr(problem))
                connection.close()
            except Exception:
                logger.exception("loop_failed", thread=self.name)
                connection.close()
            self._bell.wait(self.poll_seconds())
            self._bell.clear()
        connection.close()


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
