"""Rings the gpu workers: "there may be work". A hint only; work is found in the rows, so a lost ring costs latency."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu import Connection

from classifier.failpoints import failpoint
from classifier.request_ids import current_request_id, message_headers

logger = structlog.get_logger(__name__)

TASK_NAME = "tasks.prediction.drain"
QUEUE = "gpu"
# More waiting rings than this wake nobody else; a queue without a worker must not grow by 50 messages a second.
MAX_WAITING_RINGS = 32


class Doorbell:
    """One daemon thread a process. `ring` only sets an event: no caller ever touches Redis."""

    def __init__(self, *, task: str = TASK_NAME, queue: str = QUEUE, interval_seconds: float | None = None) -> None:
        self._task = task
        self._queue = queue
        self._interval_seconds = interval_seconds
        self._wanted = threading.Event()
        self._rung = threading.Event()
        self._rung.set()
        self._turn = threading.Lock()
        self._start = threading.Lock()
        self._process_id = 0
        self._connection: Connection | None = None
        self._allowed = 0
        self._asker: str | None = None
        self.failures = 0
        self.rings = 0

    def ring(self) -> None:
        """At once, then at most every `interval_seconds` (DOORBELL_INTERVAL_SECONDS). Never blocks, never raises."""
        if self._process_id != os.getpid():
            self._start_thread()
        with self._turn:
            self._asker = current_request_id()
            self._rung.clear()
            self._wanted.set()

    def wait_until_rung(self, seconds: float) -> bool:
        """What a process does before it ends: the ringing thread ends with it. False where the time was too short."""
        return self._rung.wait(seconds)

    def _start_thread(self) -> None:
        with self._start:
            if self._process_id == os.getpid():
                return
            self._process_id = os.getpid()
            self._connection = None
            threading.Thread(target=self._run, name="doorbell", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._publish()
            with self._turn:
                if not self._wanted.is_set():
                    self._rung.set()
            time.sleep(self._interval_seconds or settings.DOORBELL_INTERVAL_SECONDS)

    def _publish(self) -> None:
        try:
            failpoint("before-publish")
            connection = self._connection or self.connect()
            self._connection = connection
            if self._allowed <= 0:  # asked before every ring, each picture would wait for one more answer
                channel: Any = connection.default_channel
                self._allowed = MAX_WAITING_RINGS - channel.client.llen(self._queue)
            if self._allowed > 0:
                self._allowed -= 1
                with connection.Producer() as producer:
                    current_app.send_task(
                        self._task,
                        queue=self._queue,
                        producer=producer,
                        retry=False,
                        ignore_result=True,
                        headers=message_headers(self._asker),  # of many that ring at once, the last one
                    )
                self.rings += 1
        except Exception as problem:  # noqa: BLE001 - whatever the broker raises, an upload must not care; it is counted
            self.failures += 1
            self._allowed = 0
            logger.warning("doorbell_failed", error=repr(problem), failures=self.failures)
            self._let_go()

    def _let_go(self) -> None:
        """Close the failed connection's sockets before the garbage collector would."""
        failed, self._connection = self._connection, None
        if failed is not None:
            with suppress(Exception):  # it has failed already; nothing it says at its end changes that
                failed.release()

    def connect(self) -> Connection:
        timeout = settings.DOORBELL_TIMEOUT_SECONDS
        options = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "max_retries": 0,
            "retry_on_timeout": False,
        }
        return Connection(settings.CELERY_BROKER_URL, transport_options=options, connect_timeout=timeout)


doorbell = Doorbell()


def ring_after_commit() -> None:
    """What every verb that leaves work behind calls inside its transaction."""
    transaction.on_commit(doorbell.ring)


REPREDICT_TASK = "tasks.housekeeping.repredict"


def ring_by_name(task: str, arguments: list[str], *, queue: str = "default") -> None:
    """Enqueue another task of ours from a thread, so that a dead broker never holds up the caller.

    For rare events only; the queue's worker also polls its own table, so a lost message costs time alone.
    """

    headers = message_headers(current_request_id())

    def publish() -> None:
        try:
            with doorbell.connect() as connection, connection.Producer() as producer:
                current_app.send_task(
                    task, args=arguments, queue=queue, producer=producer, retry=False, headers=headers
                )
        except Exception as problem:  # noqa: BLE001 - as above: counted, and the polling worker finds the work
            doorbell.failures += 1
            logger.warning("message_not_sent", task=task, error=repr(problem))

    threading.Thread(target=publish, name="ring-by-name", daemon=False).start()
