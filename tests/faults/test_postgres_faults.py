"""T14, T15: PostgreSQL stops answering, dies, comes back, or loses the connection in the very moment of a commit."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from tests.faults.alarms import progress
from tests.faults.fault_proxy import Fault, FaultProxy
from tests.faults.history import ORPHANS, History
from tests.postgres_server import PostgresMissing, PostgresServer, run_server
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that, promised

pytestmark = [pytest.mark.processes, pytest.mark.faults]

ANSWER_SECONDS = 5
HEALTHY_SECONDS = 15
# Else the worker's watchdog takes the wait for its database for a hung model, and nobody here starts it again.
PATIENT = {"PREDICTION_BATCH_SECONDS": "12", "PREDICTION_LEASE_SECONDS": "15"}
ROWS = "from classifier.models import Image; result = Image.objects.count()"


@dataclass(frozen=True)
class Parts:
    server: PostgresServer
    proxy: FaultProxy
    stack: Stack


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """Everybody reaches a PostgreSQL of this file's own through the proxy."""
    try:
        with run_server() as server, FaultProxy(server.port).running() as proxy:
            stack = Stack(tmp_path_factory.mktemp("stack"), environment={"DATABASE_URL": server.url, **PATIENT})
            own = urlsplit(stack.environment["DATABASE_URL"])
            direct = own.netloc.rpartition(":")[0]
            stack.environment["DATABASE_URL"] = own._replace(netloc=f"{direct}:{proxy.port}").geturl()
            with stack:
                stack.await_worker()
                yield Parts(server, proxy, stack)
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def stack(parts: Parts) -> Stack:
    return parts.stack


def refuse_until(client: httpx.Client, seeds: Iterator[int], seconds: float) -> None:
    """For so long every upload is answered with 503 in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        seed, started = next(seeds), time.monotonic()
        answer = client.post("/api/v1/images", files={"file": (f"{seed}.png", png_bytes(seed))})
        took = time.monotonic() - started
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "try_later")
        assert "Retry-After" in answer.headers
        assert took <= promised(ANSWER_SECONDS)
        time.sleep(0.2)


def stop(server: PostgresServer) -> Callable[[], None]:
    server.signal_all(signal.SIGSTOP)
    return lambda: server.signal_all(signal.SIGCONT)


def kill(server: PostgresServer) -> Callable[[], None]:
    server.process.kill()
    server.process.wait()
    return server.start


def end(server: PostgresServer) -> Callable[[], None]:
    server.stop()
    return server.start


@pytest.mark.parametrize(
    ("breaking", "seconds"),
    [
        pytest.param(stop, 6.0, id="stopped"),
        pytest.param(kill, 2.0, id="killed"),
        pytest.param(end, 2.0, id="ended", marks=pytest.mark.long),
        pytest.param(stop, 30.0, id="stopped for 30 s", marks=pytest.mark.long),
    ],
)
def test_t14_without_its_database_the_site_says_so_in_time_and_recovers(
    parts: Parts, history: History, breaking: Callable[[PostgresServer], Callable[[], None]], seconds: float
) -> None:
    seeds = iter(range(first_seed(breaking) + int(seconds) * 100, 1_000_000))
    with parts.stack.client() as client:
        for _ in range(20):
            assert history.send(client, next(seeds)) == 201
        mend = breaking(parts.server)
        try:
            refuse_until(client, seeds, seconds)
            assert progress(parts.stack) == (503, {"status": "database not reachable"})
        finally:
            mend()
        healthy = lambda: history.send(client, next(seeds)) == 201  # noqa: E731 - awaited at once
        history.recoveries.append(await_that(healthy, promised(HEALTHY_SECONDS), "uploads are taken again"))
    history.await_quiet(promised(45))
    history.check()


def first_seed(breaking: Callable[[PostgresServer], Callable[[], None]]) -> int:
    """Each way of breaking has pictures of its own."""
    ways: list[object] = [stop, kill, end]
    return 10_000 * ways.index(breaking)


@pytest.mark.parametrize("rounds", [pytest.param(10, id="10"), pytest.param(500, id="500", marks=pytest.mark.long)])
def test_t15_a_retry_after_a_commit_of_unknown_outcome_makes_one_row(
    parts: Parts, history: History, rounds: int
) -> None:
    first = 100_000 + 10_000 * (rounds > 10)
    # Every second commit is done and only its answer lost; the others never reached the server.
    parts.stack.kill("worker")  # so that the commit which is hit is the upload's
    before = parts.stack.query(ROWS)
    with parts.stack.client() as client:
        client.get("/api/v1/images")
        for seed in range(first, first + rounds):
            hit = parts.proxy.resets
            parts.proxy.meet(Fault(reset_at=b"COMMIT\0", reset_answered=bool(seed % 2), resets=hit + 1))
            assert history.send(client, seed, key=f"key-{seed}") == 503
            assert parts.proxy.resets == hit + 1
            parts.proxy.heal()
            assert history.send(client, seed, key=f"key-{seed}") == 201
            history.rounds += 1
    assert parts.stack.query(ROWS) == before + rounds
    parts.stack.start_worker()
    history.await_quiet(promised(45))
    history.check()
    parts.stack.query(ORPHANS)
    assert parts.stack.query(ORPHANS) == 0
