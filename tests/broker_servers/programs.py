"""Some other program's side of Kafka and Pub/Sub: sends pictures by id and hears the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from confluent_kafka import Consumer, Producer, TopicPartition
from google.pubsub_v1 import PublisherClient, SubscriberClient, types

from tests.broker_servers.kafka_server import KafkaServer

PROJECT = "shop"
PARTITIONS = 4
_AT_ONCE = 500


class Program(Protocol):
    """Over whatever broker."""

    def send(self, requests: Mapping[str, bytes]) -> None:
        """Pictures by id, confirmed by the broker."""

    def hear(self, seconds: float) -> list[tuple[str, bytes]]:
        """Answers that came since, by id."""


class KafkaProgram:
    """Hears a topic from its beginning."""

    def __init__(self, server: KafkaServer, topic: str = "res_predict") -> None:
        self._producer = Producer({"bootstrap.servers": server.address})
        self._consumer = Consumer({"bootstrap.servers": server.address, "group.id": "program"})
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])

    def send(self, requests: Mapping[str, bytes], topic: str = "req_predict") -> None:
        for number, (key, body) in enumerate(requests.items()):
            self._producer.produce(topic, body, key, number % PARTITIONS)
        assert self._producer.flush(30) == 0

    def read(self, seconds: float) -> list[Any]:
        """Whole messages."""
        first = self._consumer.poll(seconds)
        return [first, *self._consumer.consume(1000, 0)] if first is not None else []

    def hear(self, seconds: float) -> list[tuple[str, bytes]]:
        return [(message.key().decode(), message.value()) for message in self.read(seconds)]


class PubsubProgram:
    """Where PUBSUB_EMULATOR_HOST says. Makes the topics, and the gateway's subscription: nothing sent is lost."""

    def __init__(self) -> None:
        self._publisher, self._subscriber = PublisherClient(), SubscriberClient()
        self._requests, answers = (f"projects/{PROJECT}/topics/{name}" for name in ("req_predict", "res_predict"))
        self._heard = f"projects/{PROJECT}/subscriptions/program"
        for topic in (self._requests, answers):
            self._publisher.create_topic(name=topic)
        self._subscriber.create_subscription(name=self._heard, topic=answers)
        self._subscriber.create_subscription(
            name=f"projects/{PROJECT}/subscriptions/whatsit-req_predict", topic=self._requests
        )

    def send(self, requests: Mapping[str, bytes]) -> None:
        messages = [types.PubsubMessage(data=body, attributes={"id": key}) for key, body in requests.items()]
        for first in range(0, len(messages), _AT_ONCE):
            self._publisher.publish(topic=self._requests, messages=messages[first : first + _AT_ONCE])

    def hear(self, seconds: float) -> list[tuple[str, bytes]]:
        """The server's own patience counts, not `seconds`."""
        received = self._subscriber.pull(subscription=self._heard, max_messages=1000).received_messages
        if received:
            self._subscriber.acknowledge(subscription=self._heard, ack_ids=[one.ack_id for one in received])
        return [(one.message.attributes["id"], one.message.data) for one in received]
