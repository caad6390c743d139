"""The partitions that are ours in Kafka: their messages, those given back, and what is to be committed of them."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from confluent_kafka import Message as KafkaMessage
from confluent_kafka import TopicPartition

from webapp.gateway.kafka_positions import PartitionWork
from webapp.gateway.protocol import Message


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands: with its partition's work as it was when it came. After the partition went to another
    member, that work is no longer asked, and a late word about the message has no effect.
    """

    work: PartitionWork
    partition: int
    offset: int


class AssignedPartitions:
    """Of one topic. Talks to nobody."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._works: dict[int, PartitionWork] = {}
        self._later: list[tuple[float, int, Message]] = []
        self._turns = count()

    @property
    def numbers(self) -> set[int]:
        """Those that are ours."""
        return set(self._works)

    def find_wide(self, most_span: int) -> set[int]:
        """Those whose oldest message waits this far behind the newest."""
        return {number for number, work in self._works.items() if work.span > most_span}

    def name(self, numbers: Iterable[int]) -> list[TopicPartition]:
        """As the library wants them."""
        return [TopicPartition(self._topic, number) for number in numbers]

    def take_over(self, committed: Iterable[TopicPartition]) -> None:
        """They come to us; what their last owner knew stands beside the position."""
        for one in committed:
            known = one.error is None and one.offset is not None and one.offset >= 0
            self._works[one.partition] = PartitionWork(one.offset, one.metadata or "") if known else PartitionWork()

    def forgive(self, numbers: Iterable[int]) -> None:
        """Their messages in hand go to another without fault of their own."""
        for number in self.numbers.intersection(numbers):
            self._works[number].forgive()

    def drop(self, numbers: Iterable[int]) -> None:
        """They are another's."""
        for number in numbers:
            self._works.pop(number, None)

    def find_commits(self, numbers: Iterable[int]) -> list[TopicPartition]:
        """What changed since the last time, position and metadata."""
        found = ((number, self._works[number].find_commit()) for number in self.numbers.intersection(numbers))
        return [TopicPartition(self._topic, number, commit[0], commit[1]) for number, commit in found if commit]

    def forget_commits(self, numbers: Iterable[int]) -> None:
        """The last ones did not arrive."""
        for number in self.numbers.intersection(numbers):
            self._works[number].forget_commit()

    def read(self, message: KafkaMessage) -> Message | None:
        """One that came, counted; None for one known as done."""
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        work = self._works.get(partition)
        if work is None or work.starts_anew(offset):
            work = self._works[partition] = PartitionWork()
        deliveries = work.count_delivery(offset)
        return _translate(message, deliveries, Place(work, partition, offset)) if deliveries else None

    def give_back(self, message: Message, delay_seconds: float) -> None:
        """It waits here, and the position with it."""
        heapq.heappush(self._later, (time.monotonic() + delay_seconds, next(self._turns), message))

    def put_off(self, message: Message) -> None:
        """It was read while there was no room: it comes first when there is some, and this was no delivery."""
        place: Place = message.handle
        place.work.count_again(place.offset, -1)
        heapq.heappush(self._later, (0.0, next(self._turns), message))

    def count_resting(self) -> int:
        """Those given back whose time has not come."""
        now = time.monotonic()
        return sum(1 for due, _, _ in self._later if due > now)

    def shorten(self, timeout_seconds: float) -> float:
        """At most until the next of those given back is due."""
        if not self._later:
            return timeout_seconds
        return min(timeout_seconds, max(0.0, self._later[0][0] - time.monotonic()) + 0.001)

    def take_due(self, most: int) -> list[Message]:
        """Those given back whose time has come, unless their partition is another's by now."""
        taken: list[Message] = []
        now = time.monotonic()
        while self._later and len(taken) < most and self._later[0][0] <= now:
            _, _, message = heapq.heappop(self._later)
            place: Place = message.handle
            if self._works.get(place.partition) is place.work:
                taken.append(replace(message, deliveries=place.work.count_again(place.offset)))
        return taken


def finish(messages: Sequence[Message]) -> None:
    """They are done."""
    for message in messages:
        place: Place = message.handle
        place.work.finish(place.offset)


def _translate(message: KafkaMessage, deliveries: int, place: Place) -> Message:
    sent: Any = message.headers()
    headers = {str(name): _as_text(value) for name, value in sent or []}
    key = message.key()
    value: Any = message.value()
    _, milliseconds = message.timestamp()
    return Message(
        body=value or b"",
        identity=f"{place.partition}-{place.offset}-{milliseconds}",
        key=_as_text(key) or headers.get("id", ""),
        deliveries=deliveries,
        headers=headers,
        handle=place,
    )


def _as_text(value: str | bytes | None) -> str:
    """Keys and headers are bytes; those that are no text are told by their hexadecimal digits."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
