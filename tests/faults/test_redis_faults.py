"""T4: Redis dies, stays away and comes back empty. Uploads go on, answers come by polling, pushes resume."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import pytest
import websockets

from tests.faults.alarms import metric
from tests.faults.history import History
from tests.row_makers import png_bytes
from tests.stack import Stack, promised

pytestmark = [pytest.mark.processes, pytest.mark.faults]

LATENCIES = """
from classifier.models import Prediction
result = sorted((row.done_at - row.queued_at).total_seconds() for row in Prediction.objects.filter(state='done'))
"""


def outage(stack: Stack, history: History, *, seconds: float, pause: float) -> None:
    took = []
    with stack.client() as client:
        assert history.send(client, 0) == 201
        stack.kill("redis")
        ends = time.monotonic() + seconds
        seed = 1
        while time.monotonic() < ends:
            started = time.monotonic()
            assert history.send(client, seed) == 201
            took.append(time.monotonic() - started)
            seed += 1
            time.sleep(pause)
        stack.start_redis()
        for extra in range(10):
            assert history.send(client, seed + extra) == 201
    assert p95(sorted(took)) < 2


def p95(values: list[float]) -> float:
    return values[int(len(values) * 0.95)]


def test_t4_uploads_and_answers_go_on_without_redis(stack: Stack, history: History) -> None:
    outage(stack, history, seconds=6, pause=0.1)
    history.await_quiet(60)
    history.check()
    assert p95(stack.query(LATENCIES)) <= promised(1.5)
    assert set(history.outcomes) == {201}
    assert metric(stack, "whatsit_doorbell_failures_total") > 0


def test_t4_pushes_resume_after_redis_returns(stack: Stack) -> None:
    stack.kill("redis")
    stack.start_redis()
    assert asyncio.run(_seconds_until_pushed(stack)) <= promised(30)


async def _seconds_until_pushed(stack: Stack) -> float:
    started = time.monotonic()
    async with httpx.AsyncClient(base_url=stack.address, timeout=90) as client:
        for seed in range(100):
            await client.post("/api/v1/images", files={"file": ("a.png", png_bytes(9000 + seed))})
            cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            headers = {"Cookie": cookie, "Origin": stack.address}
            try:
                address = f"ws://127.0.0.1:{stack.port}/ws/results/"
                async with websockets.connect(address, additional_headers=headers) as live:
                    await asyncio.wait_for(live.recv(), promised(3))
                    await client.post("/api/v1/images", files={"file": ("b.png", png_bytes(9500 + seed))})
                    while json.loads(await asyncio.wait_for(live.recv(), promised(3)))["type"] != "prediction":
                        pass
                    return time.monotonic() - started
            except (TimeoutError, OSError, websockets.WebSocketException):
                continue
    raise AssertionError("no push arrived")


@pytest.mark.long
@pytest.mark.parametrize(
    "stack",
    [{"PREDICTION_LEASE_SECONDS": "30", "PREDICTION_BATCH_SECONDS": "20", "PREDICTION_POLL_SECONDS": "5"}],
    indirect=True,
)
def test_t4_with_the_real_times_a_minute_without_redis(stack: Stack, history: History) -> None:
    outage(stack, history, seconds=60, pause=0.2)
    history.await_quiet(60)
    history.check()
    assert p95(stack.query(LATENCIES)) <= 15
