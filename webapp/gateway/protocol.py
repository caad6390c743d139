"""What a broker must do for the gateway, and what is carried. Knows no row, no picture and no client library.

The bridge uses a client like this:

- One thread, the receiving one, calls `connect`, `receive`, `acknowledge`, `give_back`, `keep` and `close`. `publish`
  is called by that thread and by the answering one, at the same time as everything else: it has to be thread-safe.
- At most `GatewayOptions.in_hand` messages are in the bridge's hands at a time; `receive` is never asked for more
  than there is room for. While there is no room, or storage or database are away, it is called with `most=0`: take
  nothing, but stay a living member (Kafka: pause the partitions and poll; resume them at the next call with room).
- Messages may be acknowledged in any order. A broker that knows only a position (Kafka: the offset of a partition)
  moves it over the unbroken row of acknowledged messages, never past one that is still in hand. Answers are not
  ordered.
- Losing the broker is no error of `receive`, `acknowledge`, `give_back` and `keep`: the client reconnects by itself
  with pauses, `receive` returns nothing until then, and what was not acknowledged comes again. What cannot heal by
  waiting (a closed or expired connection, wrong credentials) raises BrokerUnavailable: the bridge closes the client
  and makes another one, with growing pauses.
- Several gateways share the load of one request topic (consumer group, subscription, queue group named
  `GatewayOptions.group`). A message in the hands of one that died goes to another after the broker's own time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol

# A message that comes more often than this is not tried again, and from so many deliveries on it is worked on alone, so
# that one that ends the process takes no neighbour with it.
MOST_DELIVERIES: Final = 5
ALONE_FROM: Final = 3
# What the broker has not confirmed by then is published again.
PUBLISH_SECONDS: Final = 10.0

# Headers of a message in the dead-letter topic, whose body and key are those of the request.
REASON_HEADER: Final = "Whatsit-Reason"
FAILURES_HEADER: Final = "Whatsit-Failures"
SOURCE_HEADER: Final = "Whatsit-Source"
IDENTITY_HEADER: Final = "Whatsit-Identity"


class BrokerUnavailable(Exception):  # noqa: N818 - reads as what happened
    """The broker cannot be reached, or refuses us. The text is a sentence for the operator."""


class MissingLibrary(Exception):  # noqa: N818 - reads as what is wrong
    """The broker's client library is not installed. The text says how to install it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it came.

    `key` is the id that the sender gave outside of the body (Kafka: the key; NATS: the header Nats-Msg-Id; Pub/Sub: the
    attribute `id`), empty where there is none. `identity` is the broker's own name of this message within its source,
    the same at each delivery and never given twice, not even after the topic was made anew (Kafka:
    `partition-offset-timestamp`; JetStream: `created-sequence`; Pub/Sub: the message id); at most 200 characters.
    `reply_to` is where an asker waits, when the broker itself carries that (NATS: an inbox), else empty.
    `deliveries` counts from 1. Where the broker does not count (Kafka), the client does: in memory for what was given
    back, and across processes by what it can keep beside its position (the metadata of a committed offset).
    `handle` is the client's own.
    """

    body: bytes
    identity: str
    key: str = ""
    reply_to: str = ""
    deliveries: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    handle: Any = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer or a dead letter. `key` is the request's id: the message key, or a header, or an attribute `id`."""

    topic: str
    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Sent(Enum):
    """What became of a publication."""

    CONFIRMED = "confirmed"  # the broker has it, as durably as it promises
    LATER = "later"  # not known to have arrived: publish it again
    NEVER = "never"  # will be refused each time: no such topic, too large, not allowed


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What every client is told; addresses and credentials of its broker it reads from the settings by itself."""

    request_topic: str
    reply_topic: str
    dead_letter_topic: str
    group: str
    in_hand: int
    most_bytes: int  # of one message: anything larger is an answered refusal


class BrokerClient(Protocol):
    """One broker. Made with `GatewayOptions`; opens nothing before `connect`."""

    @property
    def source(self) -> str:
        """Broker and topic, as on the rows: `kafka:req_predict`; at most 120 characters."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker answers, as far as the client knows; for logs and metrics."""

    def connect(self) -> None:
        """Connect, make what is missing where the broker allows it, subscribe. Raises BrokerUnavailable."""

    def receive(self, most: int, timeout_seconds: float) -> list[Message]:
        """Up to `most` messages: as soon as there is at least one, or none after the time. `most=0`: see above."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """These are done, in any order. Need not be confirmed: a lost word only brings the message again."""

    def give_back(self, message: Message, delay_seconds: float) -> None:
        """Not done: deliver it again after the delay, to anybody, with one delivery more. With 0 it is a stop."""

    def keep(self, messages: Sequence[Message]) -> None:
        """Still at work on these: the broker must not hand them to others yet. Called every few seconds."""

    def publish(self, outgoing: Sequence[Outgoing], timeout_seconds: float) -> list[Sent]:
        """Send all, wait for the broker's word at most so long; one outcome each, in their order. Raises nothing."""

    def close(self) -> None:
        """Leave the group and disconnect, within a few seconds. May be called twice, and on one never connected."""
