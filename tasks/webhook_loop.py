"""The default worker's thread for webhooks: claims what is due, lets a pool of threads send it, stores the outcomes.

The pool's threads touch no row, so no transaction waits for a receiver; results are stored together. A slow receiver
holds a quarter of the pool at most, a failing one a single thread.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from classifier.webhook_deliveries import Attempt, ClaimedDelivery, claim_deliveries, store_attempts
from tasks.webhook_sending import send
from tasks.worker_threads import PollingThread, QueueThread, QueueThreadStep

logger = structlog.get_logger(__name__)

BELL: Final = "webhooks"
OUR_FAULT: Final = "This site failed to send it; its log says why."


class WebhookLoop(PollingThread):
    """Sleeps until a message was left, or WEBHOOK_POLL_SECONDS are over: pauses between attempts end unannounced."""

    def __init__(self) -> None:
        super().__init__("webhook-loop")
        self._pool = ThreadPoolExecutor(settings.WEBHOOK_THREADS, thread_name_prefix="webhook-sender")
        self._sending: dict[Future[Attempt], ClaimedDelivery] = {}

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._pool.shutdown(wait=False)

    def poll_seconds(self) -> float:
        return settings.WEBHOOK_POLL_SECONDS

    def work_off(self) -> None:
        """Until nothing is due and nothing under way. At a stop what is under way ends; nothing more is begun."""
        while True:
            self._bell.clear()
            self._store_ended()
            if not self._stopping.is_set():
                self._send_due()
            if not self._sending:
                break
            self._bell.wait(settings.WEBHOOK_POLL_SECONDS)
        if self._stopping.is_set():
            self._bell.set()  # it was rung for the stop, and cleared above

    def _send_due(self) -> None:
        latest_start = time.monotonic() + settings.WEBHOOK_LEASE_SECONDS - settings.WEBHOOK_ANSWER_SECONDS
        claimed = claim_deliveries(
            worker=self.worker,
            free=settings.WEBHOOK_THREADS - len(self._sending),
            busy=self._count_busy(),
            share=max(1, settings.WEBHOOK_THREADS // 4),
        )
        for delivery in claimed:
            future = self._pool.submit(send, delivery, latest_start=latest_start)
            self._sending[future] = delivery
            future.add_done_callback(lambda _: self.wake())

    def _store_ended(self) -> None:
        ended = [(future, delivery) for future, delivery in self._sending.items() if future.done()]
        if ended:
            store_attempts([(delivery, _attempt_of(future, delivery)) for future, delivery in ended])
        for future, _ in ended:
            del self._sending[future]

    def _count_busy(self) -> Counter[UUID]:
        return Counter(delivery.webhook_id for delivery in self._sending.values())


class WebhookStep(QueueThreadStep):
    """Owns the loop of a worker that serves the default queue; what a stop cuts off comes back with its lease."""

    queue = "default"
    bell = BELL

    def make_thread(self) -> QueueThread:
        return WebhookLoop()

    def stop_seconds(self) -> float:
        return settings.WEBHOOK_ANSWER_SECONDS + 2.0


def _attempt_of(future: Future[Attempt], delivery: ClaimedDelivery) -> Attempt:
    problem = future.exception()
    if problem is None:
        return future.result()
    logger.error("webhook_not_sent", delivery=str(delivery.id), error=repr(problem))
    return Attempt(False, OUR_FAULT)
