"""Which module speaks to which broker; each needs a library that only its users install."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final, cast

from webapp.gateway.protocol import BrokerClient, GatewayOptions, MissingLibrary

# Name → module, class, and the library's name as it is imported and as it is installed.
_CLIENTS: Final = {
    "kafka": ("webapp.gateway.kafka", "KafkaClient", "confluent_kafka", "confluent-kafka"),
    "pubsub": ("webapp.gateway.google_pubsub", "PubSubClient", "google", "google-cloud-pubsub"),
    "nats": ("webapp.gateway.nats", "NatsClient", "nats", "nats-py"),
}
BROKERS: Final = tuple(_CLIENTS)


def find_client(broker: str) -> Callable[[GatewayOptions], BrokerClient]:
    """What makes clients of this broker. Raises MissingLibrary."""
    module, name, imported, installed = _CLIENTS[broker]
    try:
        found = getattr(import_module(module), name)
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] != imported:
            raise
        raise MissingLibrary(
            f"The gateway to {broker} needs {installed}, which is not installed: pip install -r "
            "requirements-brokers.txt, or only this one: pip install " + installed
        ) from problem
    return cast("Callable[[GatewayOptions], BrokerClient]", found)
