"""A broker within the process, for tests: topics, deliveries that are counted, outages, and refusals on demand."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message, Outgoing, Sent


class MemoryBroker:
    """What several clients share. `published` holds every answer and dead letter in the order they came."""

    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.acknowledged: list[str] = []
        self.is_away = False
        self.refused_topics: set[str] = set()
        self.waiting: deque[Message] = deque()
        self.changed = threading.Condition()
        self._count = 0

    def send(self, body: bytes, *, key: str = "", reply_to: str = "", headers: Mapping[str, str] | None = None) -> str:
        """A message for the gateways; returns the broker's own name of it."""
        with self.changed:
            self._count += 1
            message = Message(body, f"m{self._count}", key=key, reply_to=reply_to, headers=dict(headers or {}))
            self.waiting.append(message)
            self.changed.notify_all()
        return message.identity

    def deliver_again(self, message: Message) -> None:
        """As after a death, or after `give_back`: one delivery more."""
        with self.changed:
            self.waiting.append(replace(message, deliveries=message.deliveries + 1))
            self.changed.notify_all()


class MemoryClient:
    """Satisfies `BrokerClient`."""

    source = "memory:req_predict"

    def __init__(self, broker: MemoryBroker, options: GatewayOptions) -> None:
        self.broker = broker
        self.options = options
        self.held: dict[str, Message] = {}
        self.largest_hold = 0
        self.kept: list[str] = []
        self._is_open = False

    @property
    def is_connected(self) -> bool:
        return self._is_open and not self.broker.is_away

    def connect(self) -> None:
        if self.broker.is_away:
            raise BrokerUnavailable("The broker in memory is away.")
        self._is_open = True

    def receive(self, most: int, timeout_seconds: float) -> list[Message]:
        ends = time.monotonic() + timeout_seconds
        broker = self.broker
        with broker.changed:
            while most > 0 and not (broker.waiting and not broker.is_away) and time.monotonic() < ends:
                broker.changed.wait(max(0.0, ends - time.monotonic()))
            taken = min(most, len(broker.waiting)) if not broker.is_away else 0
            messages = [broker.waiting.popleft() for _ in range(taken)]
        self.held |= {message.identity: message for message in messages}
        self.largest_hold = max(self.largest_hold, len(self.held))
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.held.pop(message.identity, None)
            self.broker.acknowledged.append(message.identity)

    def give_back(self, message: Message, delay_seconds: float) -> None:
        self.held.pop(message.identity, None)
        self.broker.deliver_again(message)

    def keep(self, messages: Sequence[Message]) -> None:
        self.kept += [message.identity for message in messages]

    def publish(self, outgoing: Sequence[Outgoing], timeout_seconds: float) -> list[Sent]:
        if self.broker.is_away or not self._is_open:
            return [Sent.LATER] * len(outgoing)
        outcomes = []
        with self.broker.changed:
            for each in outgoing:
                refused = each.topic in self.broker.refused_topics
                if not refused:
                    self.broker.published.append(each)
                outcomes.append(Sent.NEVER if refused else Sent.CONFIRMED)
            self.broker.changed.notify_all()
        return outcomes

    def close(self) -> None:
        self._is_open = False
        for message in list(self.held.values()):
            self.give_back(message, 0)
