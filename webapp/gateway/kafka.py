"""The gateway's side of Kafka: a member of a consumer group that commits only what is done, and a producer."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage
from django.conf import settings

from webapp.gateway.kafka_connection import configure_clients, find_or_make_topics
from webapp.gateway.kafka_partitions import AssignedPartitions, finish
from webapp.gateway.kafka_publishing import KafkaPublisher
from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message, Outgoing, Sent

logger = structlog.get_logger(__name__)

# Waiting does not heal these: other credentials or rights are needed.
_HOPELESS = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
}
# A partition whose oldest message waits this far behind the newest rests until it is done.
_MOST_SPAN = 5000
# Pausing throws the fetched messages away: a short lack of room is waited out.
_PAUSE_AFTER_SECONDS = 1.0
_COMMITTED_SECONDS = 5.0


class KafkaClient:
    """See BrokerClient."""

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._consumer: Consumer | None = None
        self._publisher: KafkaPublisher | None = None
        self._ours = AssignedPartitions(options.request_topic)
        self._resting: set[int] = set()
        self._last_polled = 0.0
        self._is_connected = False
        self._asked_again = 0.0
        self._broken = ""

    @property
    def source(self) -> str:
        """See BrokerClient."""
        return f"kafka:{self._options.request_topic}"

    @property
    def is_connected(self) -> bool:
        """See BrokerClient."""
        return self._is_connected

    def connect(self) -> None:
        """See BrokerClient."""
        options = self._options
        shared = {**configure_clients(), "error_cb": self._hear_error}
        session_ms = int(settings.GATEWAY_KAFKA_SESSION_SECONDS * 1000)
        try:
            find_or_make_topics(shared, (options.request_topic, options.reply_topic, options.dead_letter_topic))
            self._publisher = KafkaPublisher({**shared, "error_cb": self._hear_publisher}, options.most_bytes)
            self._consumer = Consumer(
                {
                    "partition.assignment.strategy": "cooperative-sticky",
                    "auto.offset.reset": "earliest",
                    "fetch.wait.max.ms": 100,
                    "queued.max.messages.kbytes": 32_768,
                    "session.timeout.ms": session_ms,
                    "heartbeat.interval.ms": max(100, session_ms // 5),
                    **shared,
                    "group.id": options.group,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "on_commit": self._hear_commit,
                }
            )
            self._consumer.subscribe(
                [options.request_topic], on_assign=self._take_over, on_revoke=self._hand_over, on_lost=self._lose
            )
        except KafkaException as problem:
            raise BrokerUnavailable(f"Kafka's client cannot start: {problem.args[0].str()}.") from problem
        self._is_connected = True

    def receive(self, most: int, timeout_seconds: float) -> list[Message]:
        """See BrokerClient. What is handed out is written beside the position before it is returned."""
        consumer = self._find_consumer()
        self._check_connection(consumer)
        room = min(most, self._options.in_hand - self._ours.count_resting())
        messages: list[Message] = []
        try:
            if room <= 0:
                self._stand_by(consumer, timeout_seconds)
            else:
                self._rest_only(consumer, self._ours.find_wide(_MOST_SPAN))
                messages = self._ours.take_due(room)
                found = self._fetch(consumer, room - len(messages), 0.0 if messages else timeout_seconds)
                messages += self._read(found) or self._ours.take_due(room - len(messages))
            self._commit(consumer)
        except KafkaException as problem:
            self._hear_error(problem.args[0])
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """See BrokerClient. Committed at the next `receive`, all at once."""
        finish(messages)

    def give_back(self, message: Message, delay_seconds: float) -> None:
        """See BrokerClient. Kafka takes nothing back: it waits here, and the position with it."""
        self._ours.give_back(message, delay_seconds)

    def keep(self, messages: Sequence[Message]) -> None:
        """See BrokerClient. The membership in the group keeps them, by `receive`."""

    def publish(self, outgoing: Sequence[Outgoing], timeout_seconds: float) -> list[Sent]:
        """See BrokerClient."""
        publisher = self._publisher
        return publisher.publish(outgoing, timeout_seconds) if publisher else [Sent.LATER for _ in outgoing]

    def close(self) -> None:
        """See BrokerClient. Leaving the group hands every partition over with what is known of it."""
        consumer, self._consumer = self._consumer, None
        publisher, self._publisher = self._publisher, None
        if consumer is not None:
            consumer.close()
        if publisher is not None:
            publisher.close()
        self._is_connected = False

    def _find_consumer(self) -> Consumer:
        if self._broken:
            raise BrokerUnavailable(self._broken)
        if self._consumer is None:
            raise BrokerUnavailable("The connection to Kafka is closed.")
        return self._consumer

    def _commit(self, consumer: Consumer) -> None:
        if changed := self._ours.find_commits(self._ours.numbers):
            consumer.commit(offsets=changed, asynchronous=True)

    def _stand_by(self, consumer: Consumer, timeout_seconds: float) -> None:
        """Take nothing, and stay a member."""
        if time.monotonic() - self._last_polled < _PAUSE_AFTER_SECONDS:
            time.sleep(timeout_seconds)
            return
        self._rest_only(consumer, self._ours.numbers)
        message = consumer.poll(timeout_seconds)
        # Of a partition assigned in this very call, which had no time to be paused.
        for read in self._read([message] if message else []):
            self._ours.put_off(read)

    def _rest_only(self, consumer: Consumer, wanted: set[int]) -> None:
        if stop := wanted - self._resting:
            consumer.pause(self._ours.name(stop))
        if go := self._resting - wanted:
            consumer.resume(self._ours.name(go))
        self._resting = wanted

    def _fetch(self, consumer: Consumer, most: int, timeout_seconds: float) -> list[KafkaMessage]:
        """As soon as there is one, with what is there beside it."""
        self._last_polled = time.monotonic()
        if most <= 0:
            return []
        found = consumer.consume(most, 0)
        if found or not timeout_seconds:
            return found
        first = consumer.poll(self._ours.shorten(timeout_seconds))
        return [] if first is None else [first, *(consumer.consume(most - 1, 0) if most > 1 else [])]

    def _read(self, fetched: Sequence[KafkaMessage]) -> list[Message]:
        read: list[Message] = []
        for one in fetched:
            if (error := one.error()) is not None:
                self._hear_error(error)
            elif (message := self._ours.read(one)) is not None:
                read.append(message)
                self._hear_answer()
        return read

    def _take_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Partitions come to us: what their last owner knew of them stands beside the position."""
        if self._consumer is None:
            return
        try:
            committed = consumer.committed(partitions, timeout=_COMMITTED_SECONDS)
        except KafkaException as problem:
            logger.warning("positions_unknown", error=problem.args[0].str())
            committed = partitions
        self._ours.take_over(committed)
        self._hear_answer()
        logger.info("partitions_assigned", partitions=sorted(one.partition for one in partitions))

    def _hand_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Partitions go to another member, or we stop: the last word about them, before they are gone."""
        numbers = [one.partition for one in partitions]
        self._ours.forgive(numbers)
        self._ours.forget_commits(numbers)  # whether the last ones arrived may not be known yet
        try:
            if commits := self._ours.find_commits(numbers):
                consumer.commit(offsets=commits, asynchronous=False)
        except KafkaException as problem:
            logger.warning("positions_not_committed", error=problem.args[0].str())
        self._lose(consumer, partitions)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """They are another's already."""
        numbers = {one.partition for one in partitions}
        if rested := self._resting & numbers:
            consumer.resume(self._ours.name(rested))
        self._resting -= numbers
        self._ours.drop(numbers)

    def _hear_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._ours.forget_commits(one.partition for one in partitions if error or one.error)
        if error is None:
            self._hear_answer()

    def _hear_answer(self) -> None:
        if not self._is_connected:
            self._is_connected = True
            logger.info("broker_back")

    def _hear_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _HOPELESS:
            self._broken = f"Kafka refuses us: {error.str()}."
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and self._is_connected:
            self._is_connected = False
            logger.warning("broker_lost", error=error.str())

    def _hear_publisher(self, error: KafkaError) -> None:
        """A topic that we may not write to was somebody's `reply_to`, and no reason to stop."""
        if error.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            self._hear_error(error)

    def _check_connection(self, consumer: Consumer) -> None:
        """After a loss: ask now and then, since an idle connection says nothing by itself."""
        now = time.monotonic()
        if self._is_connected or now - self._asked_again < 1.0:
            return
        self._asked_again = now
        try:
            consumer.list_topics(self._options.request_topic, timeout=0.5)
        except KafkaException:
            return
        self._hear_answer()
