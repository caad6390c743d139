"""The part of Google Cloud Pub/Sub that the gateway and its examples meet, over real gRPC, kept in memory.

Clients find it by PUBSUB_EMULATOR_HOST. As the service does: at-least-once, redelivery after the deadline, attempts
counted where the subscription has a dead-letter policy. No ordering, filters, schemas or exactly-once delivery.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

_PULL_SECONDS = 1.0
_LARGEST_BYTES = 20_000_000


@dataclass
class _Letter:
    message: types.PubsubMessage
    attempts: int = 0


@dataclass
class _Subscription:
    facts: types.Subscription
    waiting: deque[_Letter] = field(default_factory=deque)
    held: dict[str, tuple[_Letter, float]] = field(default_factory=dict)


class PubsubServer:
    """Serves in threads of this process. Use as a context manager."""

    def __init__(self) -> None:
        self.topics: dict[str, types.Topic] = {}
        self.subscriptions: dict[str, _Subscription] = {}
        self._changed = threading.Condition()
        self._ended = False
        self.port = 0
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        """The value for PUBSUB_EMULATOR_HOST."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> PubsubServer:
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._ended = True
        self.stop()

    def start(self) -> None:
        """Listen; after a stop at the same port, with everything remembered."""
        options = [("grpc.max_receive_message_length", _LARGEST_BYTES), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(ThreadPoolExecutor(64), options=options)
        for service, methods in self._list_methods().items():
            handlers = grpc.method_handlers_generic_handler(f"google.pubsub.v1.{service}", methods)
            self._server.add_generic_rpc_handlers((handlers,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        """Cut every call and take none."""
        if self._server is not None:
            self._server.stop(0).wait(10)
            self._server = None

    def count_unacknowledged(self, subscription: str) -> int:
        """Messages the subscription still has, held by somebody or not."""
        with self._changed:
            found = self.subscriptions[subscription]
            return len(found.waiting) + len(found.held)

    def _list_methods(self) -> dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]]:
        return {
            "Publisher": {
                "CreateTopic": _unary(self._create_topic, types.Topic),
                "GetTopic": _unary(self._get_topic, types.GetTopicRequest),
                "Publish": _unary(self._publish, types.PublishRequest),
            },
            "Subscriber": {
                "CreateSubscription": _unary(self._create_subscription, types.Subscription),
                "GetSubscription": _unary(self._get_subscription, types.GetSubscriptionRequest),
                "DeleteSubscription": _unary(self._delete_subscription, types.DeleteSubscriptionRequest),
                "Pull": _unary(self._pull, types.PullRequest),
                "Acknowledge": _unary(self._acknowledge, types.AcknowledgeRequest),
                "ModifyAckDeadline": _unary(self._modify, types.ModifyAckDeadlineRequest),
                "StreamingPull": grpc.stream_stream_rpc_method_handler(
                    self._stream, types.StreamingPullRequest.deserialize, types.StreamingPullResponse.serialize
                ),
            },
        }

    def _create_topic(self, request: types.Topic, context: grpc.ServicerContext) -> types.Topic:
        with self._changed:
            if request.name in self.topics:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, request.name)
            self.topics[request.name] = request
        return request

    def _get_topic(self, request: types.GetTopicRequest, context: grpc.ServicerContext) -> types.Topic:
        topic: types.Topic = _find(self.topics, request.topic, context)
        return topic

    def _publish(self, request: types.PublishRequest, context: grpc.ServicerContext) -> types.PublishResponse:
        _find(self.topics, request.topic, context)
        if not all(message.data or message.attributes for message in request.messages):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Some messages are empty.")
        with self._changed:
            ids = [self._keep(request.topic, message) for message in request.messages]
        return types.PublishResponse(message_ids=ids)

    def _keep(self, topic: str, message: types.PubsubMessage) -> str:
        kept = types.PubsubMessage(data=message.data, attributes=dict(message.attributes), message_id=uuid.uuid4().hex)
        for subscription in self.subscriptions.values():
            if subscription.facts.topic == topic:
                subscription.waiting.append(_Letter(kept))
        self._changed.notify_all()
        return str(kept.message_id)

    def _create_subscription(self, request: types.Subscription, context: grpc.ServicerContext) -> types.Subscription:
        _find(self.topics, request.topic, context)
        with self._changed:
            if request.name in self.subscriptions:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, request.name)
            request.ack_deadline_seconds = request.ack_deadline_seconds or 10
            self.subscriptions[request.name] = _Subscription(request)
        return request

    def _get_subscription(
        self, request: types.GetSubscriptionRequest, context: grpc.ServicerContext
    ) -> types.Subscription:
        subscription: _Subscription = _find(self.subscriptions, request.subscription, context)
        return subscription.facts

    def _delete_subscription(
        self, request: types.DeleteSubscriptionRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        with self._changed:
            self.subscriptions.pop(request.subscription, None)
        return empty_pb2.Empty()

    def _pull(self, request: types.PullRequest, context: grpc.ServicerContext) -> types.PullResponse:
        subscription = _find(self.subscriptions, request.subscription, context)
        deadline = time.monotonic() + (0.0 if request.return_immediately else _PULL_SECONDS)
        with self._changed:
            while not (taken := self._take(subscription, request.max_messages, 0)):
                if time.monotonic() >= deadline or not context.is_active():
                    break
                self._changed.wait(0.05)
        return types.PullResponse(received_messages=taken)

    def _take(self, subscription: _Subscription, limit: int, seconds: int) -> list[types.ReceivedMessage]:
        now = time.monotonic()
        for ack_id in [ack_id for ack_id, (_, until) in subscription.held.items() if until <= now]:
            subscription.waiting.append(subscription.held.pop(ack_id)[0])
        taken: list[types.ReceivedMessage] = []
        policy = subscription.facts.dead_letter_policy
        while subscription.waiting and len(taken) < limit:
            letter = subscription.waiting.popleft()
            letter.attempts += 1
            if policy.dead_letter_topic and letter.attempts > (policy.max_delivery_attempts or 5):
                self._keep(policy.dead_letter_topic, letter.message)
                continue
            ack_id = uuid.uuid4().hex
            subscription.held[ack_id] = letter, now + (seconds or subscription.facts.ack_deadline_seconds)
            attempt = letter.attempts if policy.dead_letter_topic else 0
            taken.append(types.ReceivedMessage(ack_id=ack_id, message=letter.message, delivery_attempt=attempt))
        return taken

    def _acknowledge(self, request: types.AcknowledgeRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        subscription = _find(self.subscriptions, request.subscription, context)
        self._forget(subscription, request.ack_ids)
        return empty_pb2.Empty()

    def _forget(self, subscription: _Subscription, ack_ids: Any) -> None:
        with self._changed:
            for ack_id in ack_ids:
                subscription.held.pop(ack_id, None)

    def _modify(self, request: types.ModifyAckDeadlineRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        subscription = _find(self.subscriptions, request.subscription, context)
        for ack_id in request.ack_ids:
            self._hold(subscription, ack_id, request.ack_deadline_seconds)
        return empty_pb2.Empty()

    def _hold(self, subscription: _Subscription, ack_id: str, seconds: int) -> None:
        with self._changed:
            if ack_id in subscription.held:
                subscription.held[ack_id] = subscription.held[ack_id][0], time.monotonic() + seconds
                self._changed.notify_all()

    def _stream(
        self, requests: Iterator[types.StreamingPullRequest], context: grpc.ServicerContext
    ) -> Iterator[types.StreamingPullResponse]:
        first = next(requests)
        subscription = _find(self.subscriptions, first.subscription, context)
        threading.Thread(target=self._hear, args=(subscription, requests), daemon=True).start()
        while context.is_active() and not self._ended:
            with self._changed:
                room = (first.max_outstanding_messages or 1000) - len(subscription.held)
                taken = self._take(subscription, min(room, 100), first.stream_ack_deadline_seconds)
                if not taken:
                    self._changed.wait(0.05)
            if taken:
                yield types.StreamingPullResponse(received_messages=taken)

    def _hear(self, subscription: _Subscription, requests: Iterator[types.StreamingPullRequest]) -> None:
        try:
            for request in requests:
                self._forget(subscription, request.ack_ids)
                for ack_id, seconds in zip(
                    request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
                ):
                    self._hold(subscription, ack_id, seconds)
        except grpc.RpcError:
            return


def _find(places: dict[str, Any], name: str, context: grpc.ServicerContext) -> Any:
    if name not in places:
        context.abort(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name}).")
    return places[name]


def _unary(do: Callable[[Any, grpc.ServicerContext], Any], request_type: Any) -> grpc.RpcMethodHandler[Any, Any]:
    """Answers are proto-plus messages or plain protobuf ones."""
    return grpc.unary_unary_rpc_method_handler(do, request_type.deserialize, _serialize)


def _serialize(answer: Any) -> bytes:
    data: bytes
    data = answer.SerializeToString() if isinstance(answer, empty_pb2.Empty) else type(answer).serialize(answer)
    return data
