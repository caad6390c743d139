"""Sending over Kafka: every message is confirmed by all replicas in sync or reported as not sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from webapp.gateway.protocol import Outgoing, Sent

# Waiting does not heal these.
_NEVER = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._INVALID_ARG,
}
# A message not confirmed by then is dropped from the library's queue, and so cannot arrive much later by surprise.
_CONFIRM_MS = 10_000
# A topic that nobody knows after this time does not come by waiting; one just made is known by then.
_UNKNOWN_MS = 3_000
_TURN_SECONDS = 0.02


class KafkaPublisher:
    """An idempotent producer for many threads."""

    def __init__(self, configuration: dict[str, Any], most_bytes: int) -> None:
        fixed = {
            "enable.idempotence": True,
            "delivery.timeout.ms": _CONFIRM_MS,
            "topic.metadata.propagation.max.ms": _UNKNOWN_MS,
            "linger.ms": 5,
            # A dead letter is as large as its request, and carries headers.
            "message.max.bytes": max(most_bytes, 1_000_000) + 100_000,
        }
        self._producer = Producer({**configuration, **fixed})

    def publish(self, outgoing: Sequence[Outgoing], timeout_seconds: float) -> list[Sent]:
        """One outcome each; what is not known to have arrived by then is for later."""
        deadline = time.monotonic() + timeout_seconds
        outcomes: list[Sent | None] = [None] * len(outgoing)
        for index, one in enumerate(outgoing):
            outcomes[index] = self._send(one, partial(_settle, outcomes, index), deadline) or outcomes[index]
        while None in outcomes and time.monotonic() < deadline:
            self._producer.poll(_TURN_SECONDS)
        return [outcome or Sent.LATER for outcome in outcomes]

    def _send(self, one: Outgoing, settle: Callable[[KafkaError | None, Any], None], deadline: float) -> Sent | None:
        headers: list[tuple[str, str | bytes | None]] = [(name, value.encode()) for name, value in one.headers.items()]
        while True:
            try:
                self._producer.produce(
                    one.topic, key=one.key.encode(), value=one.body, headers=headers, on_delivery=settle
                )
            except BufferError:
                if time.monotonic() >= deadline:
                    return Sent.LATER
                self._producer.poll(_TURN_SECONDS)
            except KafkaException as problem:
                return _judge(problem.args[0])
            else:
                return None

    def close(self) -> None:
        """Let go of what was not confirmed: it will be sent again."""
        self._producer.purge()
        self._producer.flush(1)


def _settle(outcomes: list[Sent | None], index: int, error: KafkaError | None, _message: Any) -> None:
    outcomes[index] = Sent.CONFIRMED if error is None else _judge(error)


def _judge(error: KafkaError) -> Sent:
    return Sent.NEVER if error.code() in _NEVER else Sent.LATER
