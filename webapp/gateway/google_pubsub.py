"""The gateway's side of Google Pub/Sub: a stream that brings messages; calls that acknowledge, extend and publish."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import structlog
from django.conf import settings
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, SubscriberClient, types

from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message, Outgoing, Sent
from webapp.gateway.pubsub_connection import find_or_make, find_or_subscribe, find_project, open_clients
from webapp.gateway.pubsub_publishing import full_topic, publish_all
from webapp.gateway.pubsub_stream import MessageStream

logger = structlog.get_logger(__name__)

_CALL_SECONDS: Final = 5.0
_AT_ONCE: Final = 1000
_LONGEST_DELAY_SECONDS: Final = 600
# Of messages whose deliveries Google does not count (no dead-letter policy), so many are remembered.
_MOST_COUNTED: Final = 10_000


class PubSubClient:
    """See BrokerClient."""

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._publisher: PublisherClient | None = None
        self._subscriber: SubscriberClient | None = None
        self._stream: MessageStream | None = None
        self._project = ""
        self._subscription = ""
        self._counted: OrderedDict[str, int] = OrderedDict()
        self._kept_at = 0.0

    @property
    def source(self) -> str:
        """See BrokerClient."""
        return f"pubsub:{self._options.request_topic}"

    @property
    def is_connected(self) -> bool:
        """See BrokerClient."""
        return self._stream is not None and self._stream.is_connected

    def connect(self) -> None:
        """See BrokerClient."""
        options = self._options
        self._project = find_project()
        self._subscription = f"projects/{self._project}/subscriptions/{settings.GATEWAY_PUBSUB_SUBSCRIPTION}"
        self._publisher, self._subscriber = open_clients()
        requests, replies, dead = (
            full_topic(self._project, topic)
            for topic in (options.request_topic, options.reply_topic, options.dead_letter_topic)
        )
        find_or_make(self._publisher, (requests, replies, dead))
        find_or_subscribe(self._subscriber, self._subscription, topic=requests, dead_letter_topic=dead)
        self._stream = MessageStream(
            self._subscriber,
            self._subscription,
            most=options.in_hand,
            deadline_seconds=settings.GATEWAY_PUBSUB_DEADLINE_SECONDS,
        )
        self._stream.start()

    def receive(self, most: int, timeout_seconds: float) -> list[Message]:
        """See BrokerClient. What came and is not asked for yet is held, at most `in_hand` with all others."""
        stream = self._stream
        if stream is None:
            raise BrokerUnavailable("The connection to Pub/Sub is closed.")
        self._keep_waiting(stream)
        if most <= 0:
            time.sleep(timeout_seconds)
            return []
        taken = [self._translate(received) for received in stream.take(most, timeout_seconds)]
        if not taken and stream.problem:
            raise BrokerUnavailable(stream.problem)
        return taken

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """See BrokerClient."""
        for message in messages:
            self._counted.pop(message.identity, None)
        ids = [message.handle for message in messages]
        for start in range(0, len(ids), _AT_ONCE):
            self._acknowledge(ids[start : start + _AT_ONCE])

    def give_back(self, message: Message, delay_seconds: float) -> None:
        """See BrokerClient. The deadline runs out after the delay, and Google brings it to anybody."""
        self._extend([message.handle], min(round(delay_seconds), _LONGEST_DELAY_SECONDS))

    def keep(self, messages: Sequence[Message]) -> None:
        """See BrokerClient."""
        self._extend([message.handle for message in messages], settings.GATEWAY_PUBSUB_DEADLINE_SECONDS)

    def publish(self, outgoing: Sequence[Outgoing], timeout_seconds: float) -> list[Sent]:
        """See BrokerClient."""
        publisher = self._publisher
        if publisher is None:
            return [Sent.LATER for _ in outgoing]
        return publish_all(publisher, self._project, outgoing, timeout_seconds)

    def close(self) -> None:
        """See BrokerClient. What came and was not asked for goes to others at once."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.stop(_CALL_SECONDS)
            self._extend(stream.list_waiting(), 0)
        subscriber, self._subscriber = self._subscriber, None
        publisher, self._publisher = self._publisher, None
        for client in (subscriber, publisher):
            if client is not None:
                client.transport.close()  # type: ignore[no-untyped-call]  # Google wrote no types

    def _translate(self, received: types.ReceivedMessage) -> Message:
        sent = received.message
        attributes = dict(sent.attributes)
        return Message(
            body=sent.data,
            identity=sent.message_id,
            key=attributes.get("id", ""),
            deliveries=received.delivery_attempt or self._count(sent.message_id),
            headers=attributes,
            handle=received.ack_id,
        )

    def _count(self, identity: str) -> int:
        deliveries = self._counted.pop(identity, 0) + 1
        self._counted[identity] = deliveries
        if len(self._counted) > _MOST_COUNTED:
            self._counted.popitem(last=False)
        return deliveries

    def _keep_waiting(self, stream: MessageStream) -> None:
        """Those that nobody has asked for yet: the bridge does not know them, and their deadline runs."""
        if time.monotonic() - self._kept_at < settings.GATEWAY_PUBSUB_DEADLINE_SECONDS / 3:
            return
        self._kept_at = time.monotonic()
        self._extend(stream.list_waiting(), settings.GATEWAY_PUBSUB_DEADLINE_SECONDS)

    def _acknowledge(self, ids: Sequence[str]) -> None:
        if self._subscriber is None or not ids:
            return
        try:
            self._subscriber.acknowledge(
                subscription=self._subscription, ack_ids=list(ids), retry=None, timeout=_CALL_SECONDS
            )
        except exceptions.GoogleAPIError as problem:
            logger.info("not_acknowledged", messages=len(ids), error=str(problem))

    def _extend(self, ids: Sequence[str], seconds: int) -> None:
        if self._subscriber is None:
            return
        try:
            for start in range(0, len(ids), _AT_ONCE):
                self._subscriber.modify_ack_deadline(
                    subscription=self._subscription,
                    ack_ids=list(ids[start : start + _AT_ONCE]),
                    ack_deadline_seconds=seconds,
                    retry=None,
                    timeout=_CALL_SECONDS,
                )
        except exceptions.GoogleAPIError as problem:
            logger.info("deadline_not_changed", messages=len(ids), error=str(problem))
