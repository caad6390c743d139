"""Two web processes and three workers side by side on one PostgreSQL, under load and with one of each killed."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.faults.history import ORPHANS, History
from tests.faults.load_client import Reply, percentile, send_from_many, send_request, upload_request, write_down
from tests.free_ports import free_port
from tests.postgres_server import PostgresMissing, run_server
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

SECONDS = 60 * float(os.environ.get("FAULT_MINUTES", "0.5"))
WORKERS = ("worker", "second", "third")
TIMES = {"PREDICTION_BATCH_SECONDS": "8", "PREDICTION_LEASE_SECONDS": "10"}
DONE_BY = """
from collections import Counter
from classifier.models import Prediction
result = Counter(Prediction.objects.filter(state='done').values_list('worker', flat=True))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    try:
        with run_server() as server:
            environment = {"DATABASE_URL": server.url, **TIMES}
            with Stack(tmp_path_factory.mktemp("stack"), environment=environment) as running:
                for name in WORKERS[1:]:
                    running.start_worker(name)
                running.await_worker()
                yield running
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def second_port(stack: Stack) -> int:
    """Where the second web process listens."""
    port = free_port()
    arguments = stack.processes["web"].args
    assert isinstance(arguments, list)
    stack.start("second_web", [str(port) if word == str(stack.port) else word for word in arguments])
    request = upload_request(png_bytes(1))
    await_that(lambda: asyncio.run(send_request(port, request)).status == 201, 60, "the second web process answers")
    return port


def both_at_once(stack: Stack, second_port: int, first: int, seconds: float) -> list[Reply]:
    """One visitor sends each picture to both processes at nearly the same moment, sixteen times at once."""
    with stack.client() as client:
        client.get("/api/v1/images")
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}

    def pictures() -> Iterator[bytes]:
        return (upload_request(png_bytes(seed), headers=cookie) for seed in itertools.count(first))

    async def send() -> list[Reply]:
        ports = (stack.port, second_port)
        sending = (send_from_many(port, pictures(), senders=8, seconds=seconds) for port in ports)
        return [reply for replies in await asyncio.gather(*sending) for reply in replies]

    return asyncio.run(send())


def test_t18_two_web_processes_and_three_workers_share_one_postgresql(
    stack: Stack, history: History, second_port: int, record_property: Callable[[str, object], None]
) -> None:
    replies = both_at_once(stack, second_port, 10, SECONDS)
    write_down(history, replies)
    history.await_quiet(60)
    history.check()
    different = len({json.loads(reply.body)["images"][0]["sha256"] for reply in replies})
    done_by = stack.query(DONE_BY)
    taken = [reply.seconds for reply in replies]
    found = {"p95": percentile(taken, 0.95), "a_second": len(taken) / SECONDS, "by": done_by, "different": different}
    record_property("several", found)
    assert set(history.outcomes) == {201}
    assert len(history.accepted) == different, found  # nobody's picture became two images
    assert len(done_by) == len(WORKERS), found


def test_t18_one_web_process_and_one_worker_of_several_die_under_load(
    stack: Stack, history: History, second_port: int
) -> None:
    killing = threading.Timer(SECONDS / 2, lambda: [stack.kill(name) for name in ("second_web", "second")])
    killing.start()
    write_down(history, both_at_once(stack, second_port, 1_000_000, SECONDS))
    killing.join()
    history.await_quiet(60)
    history.check()
    assert set(history.outcomes) == {201, 0}
    stack.query(ORPHANS)
    assert stack.query(ORPHANS) == 0
