"""T41: hours of uploads while parts break and versions change: nothing is lost, nothing grows. `make soak` runs it."""

from __future__ import annotations

import logging
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest

from tests.faults.fault_proxy import FaultProxy
from tests.faults.history import History
from tests.faults.http_fault_proxy import HttpFaultProxy
from tests.faults.report import wished_path
from tests.faults.soak_faults import Breaker
from tests.faults.soak_load import Load, Swapper
from tests.faults.soak_measures import Sampler, judge
from tests.faults.soak_report import SoakResult, put_section
from tests.faults.version_changes import REGISTER
from tests.postgres_server import PostgresMissing, run_server
from tests.stack import Stack

pytest_plugins = ["tests.storage_servers.stores"]

SEED = 41
MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
pytestmark = [
    pytest.mark.processes,
    pytest.mark.faults,
    pytest.mark.long,
    pytest.mark.timeout(0),
    pytest.mark.skipif(not MINUTES, reason="takes hours; `make soak` runs it"),
]
AS_IN_SERVICE = {
    "MALLOC_ARENA_MAX": "2",
    "PREDICTION_LEASE_SECONDS": "30",
    "PREDICTION_BATCH_SECONDS": "20",
    "PREDICTION_POLL_SECONDS": "5",
    "PREDICTION_RETRY_SECONDS": "5",
    "HEARTBEAT_SECONDS": "5",
}
DEFAULT_WORKER = ["-Q", "default", "-n", "default@test", "--without-gossip", "--without-mingle", "-l", "WARNING"]
DEFAULT_WORKER += ["-P", "threads", "-c", "4", "-B"]


@dataclass(frozen=True)
class Parts:
    stack: Stack
    redis: FaultProxy
    store: HttpFaultProxy


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, moto_endpoint: str) -> Iterator[Parts]:
    """PostgreSQL, two workers and the one for everything else; Redis and the store are reached through proxies."""
    for name in ("werkzeug", "httpx"):  # else every request of hours is kept for the report
        logging.getLogger(name).setLevel(logging.WARNING)
    httpx.put(f"{moto_endpoint}/pictures").raise_for_status()
    folder = tmp_path_factory.mktemp("stack")
    with HttpFaultProxy(int(moto_endpoint.rpartition(":")[2])).running() as store:
        endpoint = quote(f"http://127.0.0.1:{store.port}", safe="")
        environment = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "thing", **AS_IN_SERVICE}
        try:
            with run_server() as server:
                stack = Stack(folder, environment={**environment, "DATABASE_URL": server.url})
                stack.environment["STORAGE_URL"] = f"s3://pictures?endpoint={endpoint}"
                with FaultProxy(stack.redis_port).running() as redis:
                    stack.environment["REDIS_URL"] = f"redis://127.0.0.1:{redis.port}"
                    with stack:
                        yield _complete(Parts(stack, redis, store))
        except PostgresMissing as missing:
            pytest.skip(str(missing))


def _complete(parts: Parts) -> Parts:
    stack = parts.stack
    stack.query(REGISTER.format(offset=1))
    stack.start_worker("second")
    beat = ["-s", str(stack.folder / "beat-schedule")]
    stack.start("default", [sys.executable, "-m", "celery", "-A", "tasks", "worker", *DEFAULT_WORKER, *beat])
    stack.await_worker()
    return parts


@pytest.fixture
def stack(parts: Parts) -> Stack:
    return parts.stack


def test_t41_hours_of_uploads_while_parts_break_lose_nothing_and_nothing_grows(parts: Parts, history: History) -> None:
    seconds = MINUTES * 60
    sys.stdout.write(f"\nsoak: {MINUTES:g} minutes, seed {SEED}\n")
    breaker = Breaker(parts.stack, parts.redis, parts.store, random.Random(SEED))
    sampler = Sampler(parts.stack, pause_seconds=min(30.0, seconds / 120))
    swapper = Swapper(parts.stack, pause_seconds=min(600.0, seconds / 5))
    with Load(parts.stack, history) as load:
        sampler.start()
        swapper.start()
        breaker.break_until(time.monotonic() + seconds)
        swapper.finish()
        sampler.finish()
    dead = breaker.found_dead + [name for name, part in parts.stack.processes.items() if part.poll() is not None]
    history.rounds = breaker.met.total()
    result = SoakResult(
        minutes=MINUTES,
        seed=SEED,
        database="PostgreSQL",
        outcomes=dict(history.outcomes),
        faults=dict(breaker.met),
        swaps=swapper.swaps,
        pushes=load.pushes,
        deaths=len(dead),
        quiet_after_seconds=history.await_quiet(300),
        verdict=judge(sampler.samples),
    )
    put_section(wished_path() or parts.stack.folder / "soak.md", result.as_section())
    sys.stdout.write(f"{result.as_section()}\n")
    assert dead == []
    assert set(history.outcomes) <= {201, 503}
    history.check(versions=2)
    assert result.swaps > 0
    assert result.pushes > 0
    assert result.verdict.grown == []
