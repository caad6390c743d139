"""The gateway's client of Google Pub/Sub against a small server of the same gRPC interface."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.broker_servers.pubsub_server import PubsubServer
from tests.stack import await_that
from webapp.gateway.google_pubsub import PubSubClient
from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message, Outgoing, Sent
from webapp.gateway.pubsub_connection import open_clients
from webapp.gateway.pubsub_publishing import publish_all

SUBSCRIPTION = "projects/shop/subscriptions/whatsit-requests"
OPTIONS = GatewayOptions("requests", "answers", "dead", "whatsit", 10, 1_000_000)


class Place:
    """A server of one test, with the gateways' clients on it."""

    def __init__(self, server: PubsubServer) -> None:
        self.server = server
        self.clients: list[PubSubClient] = []
        self._publisher, _ = open_clients()

    def open(self) -> PubSubClient:
        client = PubSubClient(OPTIONS)
        self.clients.append(client)
        client.connect()
        return client

    def send(self, *keys: str, body: bytes = b"picture") -> None:
        outgoing = [Outgoing("requests", key, body, {"colour": "red"}) for key in keys]
        assert set(publish_all(self._publisher, "shop", outgoing, 10)) == {Sent.CONFIRMED}

    def count_unacknowledged(self) -> int:
        return self.server.count_unacknowledged(SUBSCRIPTION)


@pytest.fixture
def place(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PubsubServer() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        settings.GATEWAY_PUBSUB_PROJECT = "shop"
        settings.GATEWAY_PUBSUB_SUBSCRIPTION = "whatsit-requests"
        settings.GATEWAY_PUBSUB_DEADLINE_SECONDS = 10  # nothing comes again by itself, however busy this machine is
        made = Place(server)
        yield made
        for client in made.clients:
            client.close()


def take(client: PubSubClient, number: int) -> list[Message]:
    found: list[Message] = []

    def enough() -> bool:
        found.extend(client.receive(10, 0.1))
        return len(found) >= number

    await_that(enough, 60, f"{number} messages came")
    return found


def test_what_is_missing_is_made_and_what_is_there_is_used(place: Place) -> None:
    place.open()
    assert set(place.server.topics) == {f"projects/shop/topics/{name}" for name in ("requests", "answers", "dead")}
    facts = place.server.subscriptions[SUBSCRIPTION].facts
    assert facts.dead_letter_policy.dead_letter_topic == "projects/shop/topics/dead"
    assert facts.ack_deadline_seconds == 10
    place.open()


def test_a_message_carries_body_attributes_and_googles_own_name_of_it(place: Place) -> None:
    client = place.open()
    place.send("order-7", body=b"\x89PNG")
    (message,) = take(client, 1)
    assert (message.body, message.key, message.deliveries) == (b"\x89PNG", "order-7", 1)
    assert message.headers["colour"] == "red"
    assert len(message.identity) == 32


def test_what_was_acknowledged_does_not_come_again_and_the_rest_does_counted(place: Place, settings: Any) -> None:
    settings.GATEWAY_PUBSUB_DEADLINE_SECONDS = 3
    first = place.open()
    place.send("a", "b")
    messages = take(first, 2)
    first.acknowledge([message for message in messages if message.key == "a"])
    first.close()
    (again,) = take(place.open(), 1)
    assert (again.key, again.deliveries) == ("b", 2)
    assert place.count_unacknowledged() == 1


def test_what_is_kept_does_not_go_to_another(place: Place, settings: Any) -> None:
    settings.GATEWAY_PUBSUB_DEADLINE_SECONDS = 4
    first = place.open()
    place.send("a")
    messages = take(first, 1)
    second = place.open()
    until = time.monotonic() + 4.5
    while time.monotonic() < until:
        first.keep(messages)
        assert second.receive(10, 0.1) == []
    first.acknowledge(messages)
    assert place.count_unacknowledged() == 0


def test_what_came_while_there_was_no_room_is_kept_and_handed_out_later(place: Place, settings: Any) -> None:
    settings.GATEWAY_PUBSUB_DEADLINE_SECONDS = 4
    client = place.open()
    place.send("a")
    until = time.monotonic() + 4.5
    while time.monotonic() < until:
        assert client.receive(0, 0.1) == []
    assert [(message.key, message.deliveries) for message in take(client, 1)] == [("a", 1)]


def test_no_more_comes_than_may_be_in_hand(place: Place) -> None:
    client = place.open()
    place.send(*[f"k{number}" for number in range(30)])
    messages = take(client, 10)
    assert len(messages) == 10
    assert client.receive(10, 0.2) == []
    client.acknowledge(messages)
    assert len(take(client, 10)) == 10


def test_what_is_given_back_comes_again_counted(place: Place) -> None:
    client = place.open()
    place.send("bad")
    (bad,) = take(client, 1)
    client.give_back(bad, 0)
    (again,) = take(client, 1)
    assert (again.identity, again.deliveries) == (bad.identity, 2)


def test_where_google_does_not_count_the_client_does(place: Place) -> None:
    client = place.open()
    place.server.subscriptions[SUBSCRIPTION].facts.dead_letter_policy.dead_letter_topic = ""
    place.send("bad")
    for deliveries in (1, 2, 3):
        (bad,) = take(client, 1)
        assert bad.deliveries == deliveries
        client.give_back(bad, 0)


def test_a_picture_of_nine_megabytes_arrives(place: Place) -> None:
    client = place.open()
    place.send("large", body=b"x" * 9_000_000)
    (message,) = take(client, 1)
    assert len(message.body) == 9_000_000


def test_after_an_outage_it_goes_on_by_itself(place: Place) -> None:
    client = place.open()
    place.send("before")
    client.acknowledge(take(client, 1))
    place.server.stop()
    await_that(lambda: not client.receive(10, 0.1) and not client.is_connected, 60, "the loss is noticed")
    assert client.publish([Outgoing("answers", "a", b"{}")], 0.3) == [Sent.LATER]
    place.server.start()
    await_that(lambda: not client.receive(10, 0.1) and client.is_connected, 60, "the broker is back")
    place.send("after")
    assert [message.key for message in take(client, 1)] == ["after"]


def test_publishing_says_of_each_what_became_of_it(place: Place) -> None:
    client = place.open()
    outgoing = [Outgoing("answers", "a", b"{}"), Outgoing("nowhere", "b", b"{}"), Outgoing("answers", "c", b"{}")]
    assert client.publish(outgoing, 5) == [Sent.CONFIRMED, Sent.NEVER, Sent.CONFIRMED]
    client.close()
    assert client.publish(outgoing[:1], 5) == [Sent.LATER]


def test_a_message_that_google_refuses_takes_no_neighbour_with_it(place: Place) -> None:
    client = place.open()
    outgoing = [Outgoing("answers", "a", b"{}"), Outgoing("answers", "", b""), Outgoing("answers", "c", b"{}")]
    assert client.publish(outgoing, 5) == [Sent.CONFIRMED, Sent.NEVER, Sent.CONFIRMED]


def test_more_than_one_call_takes_is_divided(place: Place) -> None:
    client = place.open()
    outgoing = [Outgoing("requests", f"k{number}", b"x" * 4_000_000) for number in range(3)]
    assert client.publish(outgoing, 10) == [Sent.CONFIRMED] * 3
    assert {message.key for message in take(client, 3)} == {"k0", "k1", "k2"}


def test_a_subscription_that_went_away_is_said_in_a_sentence(place: Place) -> None:
    client = place.open()
    place.server.stop()
    place.server.subscriptions.clear()
    place.server.start()
    with pytest.raises(BrokerUnavailable, match=r"refuses the subscription .*whatsit-requests"):
        take(client, 1)


def test_a_server_that_does_not_answer_is_said_in_a_sentence(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setattr("webapp.gateway.pubsub_connection._ANSWER_SECONDS", 0.2)
    settings.GATEWAY_PUBSUB_PROJECT = "shop"
    with pytest.raises(BrokerUnavailable, match="Pub/Sub does not answer"):
        PubSubClient(OPTIONS).connect()


def test_a_connection_that_was_closed_says_so(place: Place) -> None:
    client = place.open()
    client.close()
    client.close()
    with pytest.raises(BrokerUnavailable):
        client.receive(1, 0)
