"""How a client of Kafka is configured, and the topics it finds or makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from django.conf import settings

from webapp.gateway.protocol import BrokerUnavailable

logger = structlog.get_logger(__name__)

_CRITICAL = 2
_ANSWER_SECONDS = 10.0


def configure_clients() -> dict[str, Any]:
    """What all clients share: the servers, then the operator's properties over our defaults."""
    return {
        "bootstrap.servers": settings.GATEWAY_KAFKA_SERVERS,
        "client.id": "whatsit-gateway",
        "reconnect.backoff.max.ms": 2000,
        # A topic made later is seen within this time.
        "topic.metadata.refresh.interval.ms": 30_000,
        # A lost broker is said once, by us; librdkafka would say every attempt.
        "log_level": _CRITICAL,
        **read_properties(settings.GATEWAY_KAFKA_PROPERTIES),
    }


def read_properties(place: str) -> dict[str, str]:
    """The file's name=value lines. Raises BrokerUnavailable for a file that cannot be read or a line that is none."""
    if not place:
        return {}
    try:
        lines = Path(place).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise BrokerUnavailable(f"GATEWAY_KAFKA_PROPERTIES cannot be read: {problem}.") from problem
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BrokerUnavailable(f"GATEWAY_KAFKA_PROPERTIES: line {number} of {place} must read name=value.")
        found[name.strip()] = value.strip()
    return found


def find_or_make_topics(configuration: dict[str, Any], names: Sequence[str]) -> None:
    """Raises BrokerUnavailable when nobody answers. A topic that we may not make is the operator's, or comes later."""
    admin = AdminClient(configuration)
    try:
        known = admin.list_topics(timeout=_ANSWER_SECONDS).topics
    except KafkaException as problem:
        servers = configuration["bootstrap.servers"]
        raise BrokerUnavailable(f"Kafka at {servers} does not answer: {problem.args[0].str()}.") from problem
    missing = [NewTopic(name, settings.GATEWAY_KAFKA_PARTITIONS, -1) for name in names if name not in known]
    if not missing:
        return
    for name, made in admin.create_topics(missing, request_timeout=_ANSWER_SECONDS).items():
        try:
            made.result()
            logger.info("topic_made", topic=name, partitions=settings.GATEWAY_KAFKA_PARTITIONS)
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                logger.warning("topic_not_made", topic=name, error=problem.args[0].str())
