"""T12: the object store fails, hangs, breaks off or keeps other bytes. 503 in time, and no row without its object."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.faults.fault_proxy import Fault
from tests.faults.history import History
from tests.faults.http_fault_proxy import HttpFault, HttpFaultProxy
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that, promised

pytest_plugins = ["tests.storage_servers.stores"]
pytestmark = [pytest.mark.processes, pytest.mark.faults]

ANSWER_SECONDS = 10
HEALTHY_SECONDS = 15
FAILED = "from classifier.models import Prediction; result = Prediction.objects.filter(state='failed').count()"
ROWS = "from classifier.models import Image; result = Image.objects.count()"
FAULTS = {
    "503": HttpFault(status=503),
    "500": HttpFault(status=500),
    "hang": Fault(mute=True),
    "refused": Fault(refuse=True),
    "reset in a request": HttpFault(reset_request_at=700),
    "reset before the answer": HttpFault(reset_request_at=1_000_000),
    "wrong etag": HttpFault(wrong_etag=True, methods=("PUT",)),
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, moto_endpoint: str) -> Iterator[tuple[Stack, HttpFaultProxy]]:
    httpx.put(f"{moto_endpoint}/pictures").raise_for_status()
    with HttpFaultProxy(int(moto_endpoint.rpartition(":")[2])).running() as proxy:
        endpoint = quote(f"http://127.0.0.1:{proxy.port}", safe="")
        yield from _run_stack(tmp_path_factory.mktemp("stack"), proxy, f"s3://pictures?endpoint={endpoint}")


def _run_stack(folder: Path, proxy: HttpFaultProxy, storage: str) -> Iterator[tuple[Stack, HttpFaultProxy]]:
    stack = Stack(folder)
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "thing"}
    stack.environment.update(keys, STORAGE_URL=storage)
    with stack:
        stack.await_worker()
        yield stack, proxy


@pytest.fixture
def stack(parts: tuple[Stack, HttpFaultProxy]) -> Stack:
    return parts[0]


@pytest.fixture
def proxy(parts: tuple[Stack, HttpFaultProxy]) -> Iterator[HttpFaultProxy]:
    yield parts[1]
    parts[1].heal()


def refused_in_time(client: httpx.Client, seed: int) -> None:
    """503 with Retry-After and the sentence of the catalogue, within ten seconds."""
    started = time.monotonic()
    answer = client.post("/api/v1/images", files={"file": (f"{seed}.png", png_bytes(seed))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "try_later")
    assert int(answer.headers["Retry-After"]) <= ANSWER_SECONDS
    assert time.monotonic() - started <= promised(ANSWER_SECONDS)


def await_healthy(stack: Stack, history: History, seed: int) -> None:
    with stack.client() as client:
        history.recoveries.append(
            await_that(lambda: history.send(client, seed) == 201, promised(HEALTHY_SECONDS), "uploads are taken again")
        )


@pytest.mark.parametrize("name", FAULTS)
def test_t12_a_store_that_fails_refuses_uploads_in_time(
    stack: Stack, proxy: HttpFaultProxy, history: History, name: str
) -> None:
    first = 100 * list(FAULTS).index(name)
    before = stack.query(ROWS)
    with stack.client() as client, proxy.meeting(FAULTS[name]):
        refused_in_time(client, first)
    assert stack.query(ROWS) == before
    await_healthy(stack, history, first + 1)
    history.await_quiet(120)
    history.check()


@pytest.mark.parametrize("uploads", [25, pytest.param(3000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_t12_a_store_that_fails_now_and_then_loses_nothing(
    stack: Stack, proxy: HttpFaultProxy, history: History, uploads: int
) -> None:
    first = 10_000 + uploads
    with stack.client() as client, proxy.meeting(HttpFault(status=503, share=0.3)):
        for seed in range(first, first + uploads):
            history.send(client, seed)
    assert set(history.outcomes) <= {201, 503}
    assert history.outcomes[201] >= uploads * 0.6
    await_healthy(stack, history, 2 * first + uploads)
    history.await_quiet(120)
    history.check()


def test_t12_a_worker_that_cannot_read_fails_no_picture(stack: Stack, proxy: HttpFaultProxy, history: History) -> None:
    stack.kill("worker")
    with stack.client() as client:
        for seed in range(3000, 3003):
            assert history.send(client, seed) == 201
    proxy.meet(HttpFault(status=503))
    stack.start_worker()
    for fault in (HttpFault(status=503), HttpFault(cut_body=True, methods=("GET",)), Fault(mute=True)):
        proxy.meet(fault)
        asked = len(proxy.asked)
        await_that(lambda asked=asked: len(proxy.asked) >= asked + 6, 120, "the worker tries")  # type: ignore[misc]
        history.rounds += 1
    proxy.heal()
    history.await_quiet(120)
    assert stack.query(FAILED) == 0
    history.check()
