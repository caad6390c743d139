"""The thread that answers: takes requests whose work has ended, publishes, marks them; counts what still waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from classifier.broker_answers import (
    AT_ONCE,
    HeldAnswer,
    claim_answers,
    count_unanswered,
    mark_answered,
    release_answers,
)
from classifier.failpoints import failpoint
from webapp.gateway import counters
from webapp.gateway.intake import compose
from webapp.gateway.protocol import PUBLISH_SECONDS, BrokerClient, Sent

logger = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 1.0
# With nothing of ours waiting, only a request that another gateway left behind can be due.
IDLE_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 0.25
# Looking may take this share of a core at most.
_BUSY_FACTOR: Final = 10.0


class Answering(threading.Thread):
    """Started and stopped by the bridge. `unanswered` is as last counted, at most GATEWAY_UNANSWERED."""

    def __init__(self, source: str, client: Callable[[], BrokerClient]) -> None:
        super().__init__(name="gateway-answering", daemon=True)
        self._source = source
        self._client = client
        self._stopping = threading.Event()
        self._bell = threading.Event()
        self._counted_at = 0.0
        self.unanswered = 0

    def wake(self) -> None:
        """Something was taken in; its answer may be due soon."""
        self._bell.set()

    def stop(self, seconds: float) -> None:
        """Finish what is in hand, then end."""
        self._stopping.set()
        self._bell.set()
        if self.is_alive():
            self.join(seconds)

    def run(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                close_old_connections()
                answered = self.answer_due()
                self._count()
            except (DatabaseError, InterfaceError) as problem:
                logger.warning("database_trouble", error=repr(problem))
                connection.close()
                answered, started = 0, time.monotonic() - RETRY_SECONDS / _BUSY_FACTOR
            except Exception:
                logger.exception("answering_failed")
                connection.close()
                answered, started = 0, time.monotonic() - RETRY_SECONDS / _BUSY_FACTOR
            if answered < AT_ONCE:
                self._rest(time.monotonic() - started)
        connection.close()

    def answer_due(self) -> int:
        """Publish what can be answered, at most AT_ONCE; returns how many were taken."""
        worker, held = claim_answers(source=self._source)
        if not held:
            return 0
        outgoing = [compose(each.reply_to, each.answer) for each in held]
        outcomes = self._client().publish(outgoing, PUBLISH_SECONDS)
        failpoint("after-answers-published")
        self._mark(worker, held, outcomes)
        return len(held)

    def _mark(self, worker: str, held: Sequence[HeldAnswer], outcomes: Sequence[Sent]) -> None:
        late = [each.id for each, outcome in zip(held, outcomes, strict=True) if outcome is Sent.LATER]
        gone = [each for each, outcome in zip(held, outcomes, strict=True) if outcome is not Sent.LATER]
        if gone:
            mark_answered(worker=worker, ids=[each.id for each in gone])
        if late:
            release_answers(worker=worker, ids=late, seconds=RETRY_SECONDS)
            logger.warning("answers_not_published", answers=len(late), source=self._source)
        for each, outcome in zip(held, outcomes, strict=True):
            counters.ANSWERS.labels(self._source, outcome.value).inc()
            if outcome is Sent.NEVER:
                logger.error("answer_refused", message_id=each.message_id, reply_to=each.reply_to)
            elif outcome is Sent.CONFIRMED:
                counters.SECONDS.labels(self._source).observe(max(0.0, each.waited_seconds))

    def _count(self) -> None:
        if time.monotonic() - self._counted_at < COUNT_SECONDS:
            return
        self._counted_at = time.monotonic()
        self.unanswered = count_unanswered(source=self._source, at_most=settings.GATEWAY_UNANSWERED)
        counters.UNANSWERED.labels(self._source).set(self.unanswered)

    def _rest(self, busy_seconds: float) -> None:
        """Short while something waits, never so short that looking is all we do; else until something is taken in."""
        pause = max(settings.GATEWAY_POLL_SECONDS, busy_seconds * _BUSY_FACTOR)
        if self.unanswered:
            self._stopping.wait(min(pause, IDLE_SECONDS))
        else:
            self._bell.wait(IDLE_SECONDS)
            self._counted_at = 0.0
        self._bell.clear()
