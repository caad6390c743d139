"""The receiving side: takes messages while there is room, has them worked on, and says what became of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

import structlog
from django.conf import settings

from classifier.broker_replies import describe_given_up
from webapp.gateway import counters
from webapp.gateway.intake import Intake, Outcome, Taken, compose
from webapp.gateway.protocol import (
    ALONE_FROM,
    FAILURES_HEADER,
    IDENTITY_HEADER,
    MOST_DELIVERIES,
    PUBLISH_SECONDS,
    REASON_HEADER,
    SOURCE_HEADER,
    BrokerClient,
    GatewayOptions,
    Message,
    Outgoing,
    Sent,
)

logger = structlog.get_logger(__name__)

IDLE_SECONDS: Final = 0.5
# While something is worked on, its end is awaited at least so often.
BUSY_SECONDS: Final = 0.02
KEEP_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
GIVE_BACK_SECONDS: Final = 1.0
WORN_OUT: Final = "It was delivered too often without an end; the gateway may have died of it."


class Receiving:
    """One connection's worth of messages. Used by one thread; `is_full` says when too much waits for its answer."""

    def __init__(
        self,
        client: BrokerClient,
        options: GatewayOptions,
        intake: Intake,
        *,
        is_full: Callable[[], bool],
        on_taken: Callable[[], None],
    ) -> None:
        self._client = client
        self._options = options
        self._intake = intake
        self._is_full = is_full
        self._on_taken = on_taken
        self._pool = ThreadPoolExecutor(settings.GATEWAY_THREADS, thread_name_prefix="gateway-intake")
        self._working: dict[Future[Taken], Message] = {}
        self._again: deque[Message] = deque()
        self._alone: deque[Message] = deque()
        self._pause = 0.0
        self._away_until = 0.0
        self._kept_at = time.monotonic()

    @property
    def in_hand(self) -> int:
        """Messages that are neither acknowledged nor given back."""
        return len(self._working) + len(self._again) + len(self._alone)

    def step(self) -> None:
        """Take what there is room for, begin work, settle what has ended. Raises BrokerUnavailable."""
        room = self._room()
        busy = bool(self._working)
        for message in self._client.receive(room, self._patience(room, busy)):
            self._admit(message)
        self._resume()
        if self._working:
            wait(self._working, timeout=BUSY_SECONDS if busy else 0, return_when=FIRST_COMPLETED)
        self._settle([future for future in self._working if future.done()])
        self._keep()
        counters.IN_HAND.labels(self._client.source).set(self.in_hand)
        counters.PAUSED.labels(self._client.source).set(room == 0)

    def finish(self, seconds: float) -> None:
        """End what is worked on, give the rest back at once; whatever takes too long comes again by itself."""
        wait(self._working, timeout=seconds)
        self._settle([future for future in self._working if future.done()])
        for message in (*self._again, *self._alone):
            self._client.give_back(message, 0)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def abandon(self) -> None:
        """The connection is gone: what is in hand comes again."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _room(self) -> int:
        if self._again or self._alone or self._is_full():
            return 0
        return max(0, self._options.in_hand - self.in_hand)

    def _patience(self, room: int, busy: bool) -> float:
        if busy:
            return BUSY_SECONDS if room else 0.0
        if self._alone:
            return 0.0
        if self._again:
            return min(IDLE_SECONDS, max(0.0, self._away_until - time.monotonic()))
        return IDLE_SECONDS if room else BUSY_SECONDS

    def _admit(self, message: Message) -> None:
        if message.deliveries > MOST_DELIVERIES:
            self._give_up(message, WORN_OUT)
        elif message.deliveries >= ALONE_FROM:
            self._alone.append(message)
        else:
            self._begin(message)

    def _begin(self, message: Message) -> None:
        self._working[self._pool.submit(self._intake.take, message)] = message

    def _resume(self) -> None:
        """One message tries whether storage and database are back; once it got through, all others follow."""
        if self._again and time.monotonic() >= self._away_until and (not self._pause or not self._working):
            for _ in range(1 if self._pause else len(self._again)):
                self._begin(self._again.popleft())
        elif self._alone and not self._working and not self._again:
            self._begin(self._alone.popleft())

    def _settle(self, ended: Sequence[Future[Taken]]) -> None:
        done: list[Message] = []
        for future in ended:
            message, taken = self._working.pop(future), future.result()
            counters.MESSAGES.labels(self._client.source, taken.outcome.value).inc()
            if taken.outcome is Outcome.AWAY:
                self._stand_back(message, taken)
                continue
            self._pause = 0.0
            if taken.outcome is Outcome.FAILED:
                self._fail(message, taken)
            elif taken.reply is None or self._publish([taken.reply]):
                done.append(message)
            else:
                self._client.give_back(message, GIVE_BACK_SECONDS)
        if done:
            self._client.acknowledge(done)
            self._on_taken()

    def _stand_back(self, message: Message, taken: Taken) -> None:
        self._again.append(message)
        if time.monotonic() >= self._away_until:
            self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2 or FIRST_PAUSE_SECONDS)
            self._away_until = time.monotonic() + self._pause
            logger.warning("gateway_waits", reason=taken.reason, seconds=self._pause, in_hand=self.in_hand)

    def _fail(self, message: Message, taken: Taken) -> None:
        if message.deliveries >= MOST_DELIVERIES:
            self._give_up(message, taken.reason)
        else:
            self._client.give_back(message, GIVE_BACK_SECONDS)

    def _give_up(self, message: Message, reason: str) -> None:
        """To the dead letters, with the reason; the asker hears of it, too."""
        request = self._intake.read(message)
        headers = {
            REASON_HEADER: reason.replace("\n", " ").encode("ascii", "replace").decode()[:500],
            FAILURES_HEADER: str(message.deliveries),
            SOURCE_HEADER: self._client.source,
            IDENTITY_HEADER: message.identity,
        }
        letter = Outgoing(self._options.dead_letter_topic, message.key or request.id, message.body, headers)
        reply = compose(request.reply_to, describe_given_up(request.id))
        if not self._publish([letter, reply]):
            self._client.give_back(message, GIVE_BACK_SECONDS)
            return
        logger.error("dead_letter", message=message.identity, request=request.id, reason=reason)
        counters.DEAD_LETTERS.labels(self._client.source).inc()
        self._client.acknowledge([message])

    def _publish(self, outgoing: Sequence[Outgoing]) -> bool:
        return all(sent is not Sent.LATER for sent in self._client.publish(outgoing, PUBLISH_SECONDS))

    def _keep(self) -> None:
        if time.monotonic() - self._kept_at < KEEP_SECONDS:
            return
        self._kept_at = time.monotonic()
        if held := [*self._working.values(), *self._again, *self._alone]:
            self._client.keep(held)
