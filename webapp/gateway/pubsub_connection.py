"""Channels to Google Cloud Pub/Sub or its emulator, and the topics and the subscription it finds or makes there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import google.auth
import grpc
import structlog
from django.conf import settings
from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from webapp.gateway.protocol import BrokerUnavailable

logger = structlog.get_logger(__name__)

# Messages have up to 10 MB, and gRPC alone takes 4.
_CHANNEL: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    # Its own default waits up to two minutes before it tries a lost connection again.
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_ANSWER_SECONDS = 10.0
# With a dead-letter policy Google counts the deliveries. The gateway gives up by itself, with a reason, long before.
_GOOGLE_GIVES_UP_AFTER = 20


def find_project() -> str:
    """As set, or as the machine's credentials say. Raises BrokerUnavailable."""
    if settings.GATEWAY_PUBSUB_PROJECT:
        return str(settings.GATEWAY_PUBSUB_PROJECT)
    try:
        _, project = google.auth.default()
    except DefaultCredentialsError:
        project = None
    if not project:
        raise BrokerUnavailable("No Google project is known: set GATEWAY_PUBSUB_PROJECT.")
    return str(project)


def open_clients() -> tuple[PublisherClient, SubscriberClient]:
    """With the machine's own credentials, or with PUBSUB_EMULATOR_HOST. Raises BrokerUnavailable."""
    emulator = os.environ.get("PUBSUB_EMULATOR_HOST", "")
    if emulator:
        channel = grpc.insecure_channel(emulator, options=_CHANNEL)
        return (
            PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
            SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
        )
    try:
        return PublisherClient(), SubscriberClient()
    except DefaultCredentialsError as problem:
        raise BrokerUnavailable(
            "Google's credentials are missing: set GOOGLE_APPLICATION_CREDENTIALS, or PUBSUB_EMULATOR_HOST."
        ) from problem


def find_or_make(publisher: PublisherClient, topics: Sequence[str]) -> None:
    """Topics by their full names. One that we may not make is the operator's. Raises BrokerUnavailable."""
    for topic in topics:
        try:
            publisher.create_topic(name=topic, retry=None, timeout=_ANSWER_SECONDS)
            logger.info("topic_made", topic=topic)
        except exceptions.AlreadyExists:
            continue
        except exceptions.PermissionDenied as problem:
            logger.info("topic_not_made", topic=topic, error=problem.message)
        except exceptions.GoogleAPIError as problem:
            raise BrokerUnavailable(f"Pub/Sub does not answer: {problem}.") from problem


def find_or_subscribe(subscriber: SubscriberClient, name: str, *, topic: str, dead_letter_topic: str) -> None:
    """The subscription that gateways share. Raises BrokerUnavailable."""
    wanted = types.Subscription(
        name=name,
        topic=topic,
        ack_deadline_seconds=max(10, settings.GATEWAY_PUBSUB_DEADLINE_SECONDS),
        dead_letter_policy=types.DeadLetterPolicy(
            dead_letter_topic=dead_letter_topic, max_delivery_attempts=_GOOGLE_GIVES_UP_AFTER
        ),
        expiration_policy=types.ExpirationPolicy(),
    )
    try:
        subscriber.create_subscription(request=wanted, retry=None, timeout=_ANSWER_SECONDS)
        logger.info("subscription_made", subscription=name)
    except exceptions.AlreadyExists:
        return
    except exceptions.PermissionDenied as problem:
        logger.info("subscription_not_made", subscription=name, error=problem.message)
    except exceptions.GoogleAPIError as problem:
        raise BrokerUnavailable(f"Pub/Sub does not make the subscription {name}: {problem}.") from problem
