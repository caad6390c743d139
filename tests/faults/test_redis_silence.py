"""T6, T7: Redis takes connections and says nothing, is slow, forgets everything, is full. Uploads go on regardless."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.faults.alarms import metric
from tests.faults.fault_proxy import Fault, FaultProxy
from tests.faults.history import History
from tests.faults.proxied_stack import stack_behind_redis_proxy
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults]

RING = "from tasks.prediction import drain\ndrain.apply_async(queue='gpu')"
MUTE, SLOW = Fault(mute=True), Fault(delay_seconds=2)
EXTRA_SECONDS = 1.5


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, FaultProxy]]:
    with stack_behind_redis_proxy(tmp_path_factory.mktemp("stack")) as parts:
        yield parts


@pytest.fixture
def stack(parts: tuple[Stack, FaultProxy]) -> Stack:
    return parts[0]


@pytest.fixture
def proxy(parts: tuple[Stack, FaultProxy]) -> Iterator[FaultProxy]:
    yield parts[1]
    parts[1].heal()


@pytest.fixture
def server(stack: Stack) -> Iterator[redis.Redis]:
    """Redis itself, past the proxy."""
    with redis.Redis(port=stack.redis_port) as client:
        yield client


def slowest_upload(stack: Stack, history: History, seeds: Iterator[int], seconds: float) -> float:
    """Send picture after picture for so long; all must be taken. The slowest of 95 %: the rest is this machine's."""
    took, ends = [], time.monotonic() + seconds
    with stack.client() as client:
        while time.monotonic() < ends:
            started = time.monotonic()
            assert history.send(client, next(seeds)) == 201
            took.append(time.monotonic() - started)
    return sorted(took)[int(len(took) * 0.95)]


def answers(proxy: FaultProxy) -> bool:
    """Does Redis, as everybody else sees it?"""
    with redis.Redis(port=proxy.port, socket_timeout=0.3, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False


def await_consuming(stack: Stack, server: redis.Redis, history: History) -> None:
    """A message put into the worker's queue is taken out of it: the consumer, not the poll of the rows, is back."""
    stack.query(RING)
    history.recoveries.append(await_that(lambda: server.llen("gpu") == 0, 120, "the worker consumes again"))


@pytest.mark.parametrize("seconds", [3, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_t6_redis_mute_then_slow_delays_no_upload(
    stack: Stack, proxy: FaultProxy, server: redis.Redis, history: History, seconds: int
) -> None:
    seeds = iter(range(300_000 * (seconds > 3), 1_000_000))
    usual = slowest_upload(stack, history, seeds, 1)
    with proxy.meeting(MUTE):
        assert not answers(proxy)
        assert slowest_upload(stack, history, seeds, seconds) <= usual + EXTRA_SECONDS
    with proxy.meeting(SLOW):
        assert slowest_upload(stack, history, seeds, 2) <= usual + EXTRA_SECONDS
    await_consuming(stack, server, history)
    history.await_quiet(120)
    history.check()


@pytest.mark.long
def test_t6_connections_that_stay_mute_for_ever_leave_no_worker_and_no_socket_deaf(
    stack: Stack, proxy: FaultProxy, server: redis.Redis, history: History
) -> None:
    seeds = iter(range(210_000, 220_000))
    with stack.client() as client:
        assert history.send(client, next(seeds)) == 201
        history.await_quiet(120)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        with open_socket(stack, cookie) as live:
            assert json.loads(live.recv(5))["type"] == "snapshot"
            proxy.meet(MUTE)
            proxy.heal(forgetting=True)

            def hears_or_is_closed() -> bool:
                history.send(client, next(seeds))
                try:
                    return bool(json.loads(live.recv(1))["type"] == "prediction")
                except TimeoutError:
                    return False
                except ConnectionClosed:
                    return True

            history.recoveries.append(await_that(hears_or_is_closed, 30, "the socket hears again or is closed"))
    await_consuming(stack, server, history)
    history.await_quiet(120)
    history.check()


def open_socket(stack: Stack, cookie: str) -> ClientConnection:
    address = f"ws://127.0.0.1:{stack.port}/ws/results/"
    return connect(address, additional_headers={"Cookie": cookie, "Origin": stack.address})


def test_t7_redis_emptied_again_and_again_loses_nothing(stack: Stack, server: redis.Redis, history: History) -> None:
    with stack.client() as client:
        for seed in range(220_000, 220_100):
            assert history.send(client, seed) == 201
            if seed % 10 == 0:
                server.flushall()
                history.rounds += 1
    history.await_quiet(120)
    history.check()


def test_t7_redis_full_refuses_no_upload(stack: Stack, server: redis.Redis, history: History) -> None:
    before = metric(stack, "whatsit_doorbell_failures_total")
    server.config_set("maxmemory", 1)
    with stack.client() as client:
        for seed in range(230_000, 230_050):
            assert history.send(client, seed) == 201
        assert metric(stack, "whatsit_doorbell_failures_total") > before
        server.config_set("maxmemory", 0)
        history.await_quiet(120)
        assert history.send(client, 230_100) == 201
    await_consuming(stack, server, history)
    history.await_quiet(120)
    history.check()
