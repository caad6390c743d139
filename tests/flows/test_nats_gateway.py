"""The gateway of NATS as a real process beside a real stack: askers, durable requests, kills, stops."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.aio.client import Client as NatsConnection

from tests.broker_servers.nats_server import BINARY, MISSING, NatsServer
from tests.free_ports import free_port
from tests.row_makers import png_bytes
from tests.stack import ROOT, Stack, await_that
from tests.stub_predictor import LABELS, grey_sum

pytestmark = [pytest.mark.processes, pytest.mark.skipif(BINARY is None, reason=MISSING)]

EXAMPLE = ROOT / "docs" / "examples" / "nats" / "classify.py"
COUNT = 60
IN_HAND = "16"


class Gateways:
    """Gateways of one server, started and ended by name."""

    def __init__(self, stack: Stack, server: NatsServer) -> None:
        self.stack = stack
        self.server = server

    def start(self, name: str = "gateway", **extra: str) -> None:
        settings = {"GATEWAY_NATS_URL": self.server.url, "GATEWAY_LEASE_SECONDS": "4", "GATEWAY_IN_HAND": IN_HAND}
        self.stack.start(
            name, [sys.executable, "manage.py", "gateway", "nats"], **{"LOG_LEVEL": "INFO", **settings, **extra}
        )
        await_that(lambda: self.count_log(name, "gateway_connected") > 0, 120, f"{name} is connected")

    def count_log(self, name: str, event: str) -> int:
        return (self.stack.folder / f"{name}.out").read_text().count(event)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture(scope="module")
def gateways(stack: Stack, server: NatsServer) -> Gateways:
    made = Gateways(stack, server)
    made.start()
    return made


def expected_label(picture: bytes) -> str:
    return LABELS[grey_sum(picture) % len(LABELS)]


async def publish_durably(connection: NatsConnection, key: str, body: bytes) -> None:
    """Until the server takes it as a message of its own: what it takes for a repeat, it keeps to itself."""
    stream = connection.jetstream()
    while (await stream.publish("req_predict.durable", body, headers={"Nats-Msg-Id": key})).duplicate:
        await asyncio.sleep(0.05)


async def converse(
    url: str, requests: dict[str, bytes], *, answers: int, seconds: float = 120
) -> dict[str, list[bytes]]:
    """Send durable requests by id; the answers by id, once at least so many of these ids have come."""
    connection = await nats.connect(url)
    found: dict[str, list[bytes]] = defaultdict(list)
    enough = asyncio.Event()

    async def hear(message: Any) -> None:
        key = message.headers["Whatsit-Id"]
        if key in requests:
            found[key].append(message.data)
        if sum(map(len, found.values())) >= answers and len(found) == len(requests):
            enough.set()

    await connection.subscribe("res_predict", cb=hear)
    for key, body in requests.items():
        await publish_durably(connection, key, body)
    try:
        await asyncio.wait_for(enough.wait(), seconds)
    finally:
        await connection.close()
    return dict(found)


def test_the_example_client_prints_the_label_of_one_picture(gateways: Gateways, tmp_path: Path) -> None:
    picture = png_bytes(7000)
    (tmp_path / "shoe.png").write_bytes(picture)
    command = [sys.executable, str(EXAMPLE), str(tmp_path / "shoe.png"), gateways.server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == expected_label(picture), done.stderr


def test_durable_requests_are_answered_and_a_repeat_gets_the_same(gateways: Gateways) -> None:
    requests = {"first": png_bytes(7001), "second": b"no picture"}
    once = asyncio.run(converse(gateways.server.url, requests, answers=2))
    again = asyncio.run(converse(gateways.server.url, requests, answers=2))
    assert json.loads(once["first"][0])["label"] == expected_label(requests["first"])
    assert json.loads(once["second"][0])["error"]["code"] == "type_not_allowed"
    assert {key: set(bodies) for key, bodies in once.items()} == {key: set(bodies) for key, bodies in again.items()}


def test_a_killed_gateway_loses_nothing_and_answers_alike(gateways: Gateways) -> None:
    requests = {f"k{number}": png_bytes(7100 + number) for number in range(COUNT)}
    stack = gateways.stack
    # Stopped in order: killed, it would leave earlier messages to the next one.
    assert stack.kill("gateway", signal.SIGTERM) == 0
    # It ends itself at the worst moment: answers are out, and no row says so.
    gateways.start("dying", FAILPOINTS="after-answers-published=exit")

    async def send_and_kill() -> dict[str, list[bytes]]:
        waiting = asyncio.create_task(converse(gateways.server.url, requests, answers=COUNT + 1))
        await asyncio.to_thread(stack.processes["dying"].wait, 120)
        await asyncio.to_thread(gateways.start, "gateway")
        return await waiting

    found = asyncio.run(send_and_kill())
    assert set(found) == set(requests)
    assert all(len(set(bodies)) == 1 for bodies in found.values())
    assert max(map(len, found.values())) > 1


def test_two_gateways_share_the_requests_and_a_stopped_one_leaves_nothing_behind(gateways: Gateways) -> None:
    port = free_port()
    gateways.start("other", GATEWAY_METRICS_PORT=str(port))
    requests = {f"s{number}": png_bytes(7300 + number) for number in range(COUNT)}
    found = asyncio.run(converse(gateways.server.url, requests, answers=COUNT))
    assert [len(bodies) for bodies in found.values()] == [1] * COUNT
    assert taken_by(port) > 0
    assert gateways.stack.kill("other", signal.SIGTERM) == 0
    assert gateways.count_log("other", "gateway_stopped") == 1


def taken_by(port: int) -> float:
    """How many messages the gateway with this metrics port has accepted."""
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("whatsit_gateway_messages_total{"))
