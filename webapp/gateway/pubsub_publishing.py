"""Sending over Pub/Sub: every message has Google's own id for it, or is reported as not sent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, types

from webapp.gateway.protocol import Outgoing, Sent

logger = structlog.get_logger(__name__)

# Google's limits of one call, and of one attribute.
_MOST_MESSAGES: Final = 1000
_MOST_BYTES: Final = 9_000_000
_MOST_ATTRIBUTE_BYTES: Final = 1024
_ID: Final = "id"
_NEVER: Final = (exceptions.NotFound, exceptions.PermissionDenied, exceptions.InvalidArgument)


def publish_all(
    publisher: PublisherClient, project: str, outgoing: Sequence[Outgoing], timeout_seconds: float
) -> list[Sent]:
    """One outcome each, in their order."""
    deadline = time.monotonic() + timeout_seconds
    outcomes = [Sent.LATER] * len(outgoing)
    topics: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(outgoing):
        topics[full_topic(project, one.topic)].append(index)
    for topic, indexes in topics.items():
        for group in _divide(indexes, outgoing):
            sent = _publish(publisher, topic, [outgoing[index] for index in group], deadline)
            # One that Google refuses takes its neighbours of the call with it, unless each goes alone.
            if sent is Sent.NEVER and len(group) > 1:
                for index in group:
                    outcomes[index] = _publish(publisher, topic, [outgoing[index]], deadline)
                continue
            for index in group:
                outcomes[index] = sent
    return outcomes


def full_topic(project: str, topic: str) -> str:
    """As Google names it; a full name stays as it is."""
    return topic if topic.startswith("projects/") else f"projects/{project}/topics/{topic}"


def _divide(indexes: Sequence[int], outgoing: Sequence[Outgoing]) -> Iterator[list[int]]:
    group: list[int] = []
    size = 0
    for index in indexes:
        weight = len(outgoing[index].body) + 2000
        if group and (len(group) == _MOST_MESSAGES or size + weight > _MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(index)
        size += weight
    if group:
        yield group


def _publish(publisher: PublisherClient, topic: str, outgoing: Sequence[Outgoing], deadline: float) -> Sent:
    messages = [types.PubsubMessage(data=one.body, attributes=_list_attributes(one)) for one in outgoing]
    try:
        publisher.publish(topic=topic, messages=messages, retry=None, timeout=max(0.05, deadline - time.monotonic()))
    except _NEVER as problem:
        logger.warning("not_published", topic=topic, error=problem.message)
        return Sent.NEVER
    except (exceptions.GoogleAPIError, ValueError) as problem:
        logger.warning("not_published_yet", topic=topic, error=str(problem))
        return Sent.LATER
    return Sent.CONFIRMED


def _list_attributes(one: Outgoing) -> dict[str, str]:
    attributes = {**one.headers, **({_ID: one.key} if one.key else {})}
    return {name: value.encode()[:_MOST_ATTRIBUTE_BYTES].decode(errors="ignore") for name, value in attributes.items()}
