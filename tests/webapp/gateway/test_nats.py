"""The client of NATS against Debian's server: askers that wait, durable requests, repeats, restarts, refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.broker_servers.nats_server import BINARY, MISSING, NatsServer
from tests.free_ports import free_port
from tests.stack import await_that
from webapp.gateway.nats import NatsClient
from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message, Outgoing, Sent

pytestmark = [pytest.mark.processes, pytest.mark.skipif(BINARY is None, reason=MISSING)]

Result = TypeVar("Result")
DURABLE = "req_predict.durable"


def options(name: str) -> GatewayOptions:
    """Topics of a test's own on the shared server."""
    return GatewayOptions(name, f"{name}_answers", f"{name}_dead", "whatsit", in_hand=8, most_bytes=20_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def make_client(
    server: NatsServer, settings: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[[], NatsClient]]:
    settings.GATEWAY_NATS_URL = server.url
    settings.GATEWAY_LEASE_SECONDS = 1.0
    name = request.node.name[:60]
    settings.GATEWAY_NATS_DURABLE = f"{name}.durable"
    made: list[NatsClient] = []

    def make() -> NatsClient:
        client = NatsClient(options(name))
        client.connect()
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def ask(server: NatsServer, do: Callable[[Client], Coroutine[Any, Any, Result]]) -> Result:
    """Something another program does with the server."""

    async def run() -> Result:
        connection = await nats.connect(server.url)
        try:
            return await do(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def send(server: NatsServer, subject: str, *bodies: bytes, key: str = "") -> None:
    headers = {"Nats-Msg-Id": key} if key else None

    async def publish(connection: Client) -> None:
        for body in bodies:
            await connection.jetstream().publish(subject, body, headers=headers)

    ask(server, publish)


def receive(client: NatsClient, count: int) -> list[Message]:
    found: list[Message] = []

    def enough() -> bool:
        found.extend(client.receive(count - len(found), 0.5))
        return len(found) >= count

    await_that(enough, 60, f"{count} messages")
    return found


def test_durable_requests_come_with_their_id_and_leave_when_acknowledged(
    server: NatsServer, make_client: Callable[[], NatsClient], settings: Any
) -> None:
    client = make_client()
    send(server, settings.GATEWAY_NATS_DURABLE, b"one", key="k")
    [message] = receive(client, 1)
    assert (message.body, message.key, message.reply_to, message.deliveries) == (b"one", "k", "", 1)
    client.acknowledge([message])
    assert client.receive(8, 1.5) == []


def test_what_is_neither_acknowledged_nor_kept_comes_again_as_the_same_message(
    server: NatsServer, make_client: Callable[[], NatsClient], settings: Any
) -> None:
    client = make_client()
    send(server, settings.GATEWAY_NATS_DURABLE, b"one", b"two")
    first, second = receive(client, 2)
    client.give_back(first, 0)
    [again] = receive(client, 1)
    assert (again.identity, again.deliveries) == (first.identity, 2)
    client.acknowledge([again])
    [late] = receive(client, 1)
    assert (late.identity, late.deliveries) == (second.identity, 2)
    client.acknowledge([late])


def test_two_gateways_share_the_messages(
    server: NatsServer, make_client: Callable[[], NatsClient], settings: Any
) -> None:
    one, other = make_client(), make_client()
    send(server, settings.GATEWAY_NATS_DURABLE, *(str(number).encode() for number in range(12)))
    first = receive(one, 6)
    second = receive(other, 6)
    assert {message.body for message in first + second} == {str(number).encode() for number in range(12)}
    one.acknowledge(first)
    other.acknowledge(second)


def test_a_plain_request_is_answered_with_our_answer_and_nothing_else(
    server: NatsServer, make_client: Callable[[], NatsClient]
) -> None:
    client = make_client()
    topic = client.source.partition(":")[2]

    async def request(connection: Client) -> Msg:
        waiting = asyncio.create_task(connection.request(topic, b"picture", timeout=10))
        message = (await asyncio.to_thread(receive, client, 1))[0]
        assert (message.body, message.deliveries) == (b"picture", 1)
        answer = Outgoing(message.reply_to, "a", b'{"label": "Bag"}')
        assert await asyncio.to_thread(client.publish, [answer], 5.0) == [Sent.CONFIRMED]
        client.acknowledge([message])
        return await waiting

    assert json.loads(ask(server, request).data) == {"label": "Bag"}


def test_an_asker_whose_gateway_stops_is_told_to_try_later(
    server: NatsServer, make_client: Callable[[], NatsClient]
) -> None:
    client = make_client()
    topic = client.source.partition(":")[2]

    async def request(connection: Client) -> Msg:
        waiting = asyncio.create_task(connection.request(topic, b"picture", timeout=10))
        [message] = await asyncio.to_thread(receive, client, 1)
        client.give_back(message, 0)
        await asyncio.to_thread(client.close)
        return await waiting

    assert json.loads(ask(server, request).data)["error"]["code"] == "too_many_requests"


def test_answers_are_stored_and_a_repeated_one_arrives_too(
    server: NatsServer, make_client: Callable[[], NatsClient]
) -> None:
    client = make_client()
    topic = client.source.partition(":")[2] + "_answers"
    answer = Outgoing(topic, "käse", b"{}")
    assert client.publish([answer, answer], 5) == [Sent.CONFIRMED, Sent.CONFIRMED]

    async def read(connection: Client) -> list[str]:
        subscription = await connection.jetstream().subscribe(topic)
        return [((await subscription.next_msg(5)).headers or {})["Whatsit-Id"] for _ in range(2)]

    assert ask(server, read) == ["k\\xe4se"] * 2


def test_an_answer_that_is_too_large_is_refused_for_good(make_client: Callable[[], NatsClient]) -> None:
    client = make_client()
    small, large = Outgoing("_INBOX.one", "a", b"{}"), Outgoing("_INBOX.two", "b", b"x" * 2_000_000)
    assert client.publish([large, small], 5) == [Sent.NEVER, Sent.CONFIRMED]


def test_a_restarted_server_is_found_again_and_nothing_is_lost(tmp_path: Path, settings: Any) -> None:
    with NatsServer(tmp_path) as server:
        settings.GATEWAY_NATS_URL = server.url
        settings.GATEWAY_LEASE_SECONDS = 1.0
        client = NatsClient(options("req_predict"))
        client.connect()
        try:
            send(server, DURABLE, b"one", b"two")
            [first, _] = receive(client, 2)
            client.acknowledge([first])
            server.kill()
            await_that(lambda: not client.is_connected, 60, "the loss is noticed")
            assert client.receive(8, 0.1) == []
            assert client.publish([Outgoing("res_predict", "a", b"{}")], 1) == [Sent.LATER]
            server.start()
            # An acknowledgement that the server had not written down brings its message once more.
            await_that(lambda: b"two" in [again.body for again in client.receive(8, 0.5)], 60, "what was in hand")
            await_that(
                lambda: client.publish([Outgoing("req_predict_answers", "a", b"{}")], 2) == [Sent.CONFIRMED], 60, "sent"
            )
        finally:
            client.close()


def test_without_jetstream_waiting_askers_are_still_served(tmp_path: Path, settings: Any) -> None:
    with NatsServer(tmp_path, jetstream=False) as server:
        settings.GATEWAY_NATS_URL = server.url
        client = NatsClient(options("req_predict"))
        client.connect()
        try:

            async def publish(connection: Client) -> None:
                await connection.publish("req_predict", b"picture")

            ask(server, publish)
            [message] = receive(client, 1)
            assert message.reply_to == ""
            assert client.publish([Outgoing("req_predict_answers", "a", b"{}")], 5) == [Sent.CONFIRMED]
        finally:
            client.close()


def test_where_a_stream_holds_the_request_subject_already_it_is_used(tmp_path: Path, settings: Any) -> None:
    with NatsServer(tmp_path) as server:
        settings.GATEWAY_NATS_URL = server.url

        async def make(connection: Client) -> None:
            await connection.jetstream().add_stream(name="theirs", subjects=["req_predict"])

        ask(server, make)
        client = NatsClient(options("req_predict"))
        client.connect()
        try:
            send(server, "req_predict", b"one")
            assert [message.body for message in receive(client, 1)] == [b"one"]
            assert client.receive(8, 0.5) == []
        finally:
            client.close()


def test_no_server_is_a_sentence(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GATEWAY_NATS_URL = f"nats://127.0.0.1:{free_port()}"
    monkeypatch.setattr("webapp.gateway.nats.CONNECT_SECONDS", 1.0)
    client = NatsClient(options("req_predict"))
    with pytest.raises(BrokerUnavailable, match="GATEWAY_NATS_URL"):
        client.connect()
    client.close()
