"""T18, T19, T39: a thousand uploads at once, three times what the site can do, and one caller who floods it."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from tests.faults.history import OPEN_ROWS, History
from tests.faults.load_client import (
    Reply,
    percentile,
    send_at_once,
    send_from_many,
    send_steadily,
    upload_request,
    write_down,
)
from tests.faults.process_watch import Watched, watching
from tests.row_makers import png_bytes
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

AT_ONCE = 1000
OVERLOAD_SECONDS = 60 * float(os.environ.get("FAULT_MINUTES", "1"))
RECOVERY_SECONDS = 120
QUEUE = 1000
# A tenth of the real ones would take a batch of 64 photos on a busy machine for a hung model.
REAL_TIMES = {
    "PREDICTION_LEASE_SECONDS": "30",
    "PREDICTION_BATCH_SECONDS": "20",
    "PREDICTION_POLL_SECONDS": "5",
    "HEARTBEAT_SECONDS": "5",
}
SLOW_MODEL = {**REAL_TIMES, "STUB_IMAGE_SECONDS": "0.05", "STUB_BATCH": "16", "QUEUE_MAX_PICTURES": str(QUEUE)}
SLOW_MODEL_A_SECOND = 20
NARROW = {
    **REAL_TIMES,
    "VISITOR_PICTURES_A_MINUTE": "120",
    "VISITORS_AN_ADDRESS": "1000",
}  # as in production, but for the one address
Record = Callable[[str, object], None]


def photo(seed: int) -> bytes:
    """A JPEG of about 200 KB, 800 by 600, that no other seed makes."""
    small = Image.frombytes("RGB", (200, 150), random.Random(seed).randbytes(200 * 150 * 3))
    out = io.BytesIO()
    small.resize((800, 600), Image.Resampling.BICUBIC).save(out, format="JPEG", quality=86)
    return out.getvalue()


def different_pictures(first: int = 0) -> Iterator[bytes]:
    """Requests of 4 KB each, without end."""
    return (upload_request(png_bytes(seed, side=64)) for seed in itertools.count(first))


def describe(replies: list[Reply], web: Watched) -> dict[str, Any]:
    taken = [reply.seconds for reply in replies if reply.status == 201]
    return {
        "answers": dict(Counter(reply.status for reply in replies)),
        "taken_p95": round(percentile(taken, 0.95), 2),
        "web_megabytes": round(web.megabytes),
        "web_files": web.open_files,
        "most_waiting": max((count for _, count in web.samples), default=0),
    }


def require_only_refusals_with_a_way_back(replies: list[Reply]) -> None:
    refused = [reply for reply in replies if reply.status != 201]
    assert {reply.status for reply in refused} <= {429, 503}
    assert all(reply.says_when_to_return for reply in refused)


@pytest.mark.parametrize("stack", [REAL_TIMES], indirect=True)
def test_t18_a_thousand_uploads_at_once_are_taken(stack: Stack, history: History, record_property: Record) -> None:
    requests = [upload_request(photo(seed), name=f"{seed}.jpg") for seed in range(AT_ONCE)]
    assert 200_000 <= sum(map(len, requests)) / AT_ONCE <= 210_000
    with watching(stack.processes["web"].pid) as web:
        replies = asyncio.run(send_at_once(stack.port, requests))
    write_down(history, replies)
    found = describe(replies, web) | {"drained": history.await_quiet(120)}
    record_property("T18", found)
    history.check()
    require_only_refusals_with_a_way_back(replies)
    assert history.outcomes[201] >= 0.99 * AT_ONCE, found
    assert percentile((reply.seconds for reply in replies), 0.95) <= 25, found
    assert web.megabytes <= 1000, found
    assert history.recoveries[-1] <= 60, found


def overload(stack: Stack, history: History, per_second: float) -> dict[str, Any]:
    """The whole time at this rate; then all accepted work must be done soon, and the site be as quick as before."""
    with watching(stack.processes["web"].pid, lambda: int(stack.query(OPEN_ROWS))) as web:
        pictures = different_pictures(1_000_000)
        replies = asyncio.run(send_steadily(stack.port, pictures, per_second=per_second, seconds=OVERLOAD_SECONDS))
    write_down(history, replies)
    recovery = history.await_quiet(RECOVERY_SECONDS)
    history.check()
    require_only_refusals_with_a_way_back(replies)
    (after,) = asyncio.run(send_at_once(stack.port, [next(pictures)]))
    assert (after.status, after.seconds < 2) == (201, True)
    return describe(replies, web) | {"per_second": round(per_second), "recovery": round(recovery, 1)}


@pytest.mark.parametrize("stack", [REAL_TIMES], indirect=True)
def test_t19_three_times_what_the_site_can_take_is_shed_in_order(
    stack: Stack, history: History, record_property: Record
) -> None:
    seconds = 10.0
    quick = asyncio.run(send_from_many(stack.port, different_pictures(), senders=32, seconds=seconds))
    assert {reply.status for reply in quick} == {201}
    history.await_quiet(30)
    found = overload(stack, history, 3 * len(quick) / seconds)
    record_property("T19", found)
    assert history.outcomes[503] > 0, found
    assert found["web_megabytes"] <= 1000, found


@pytest.mark.parametrize("stack", [SLOW_MODEL], indirect=True)
def test_t19_three_times_what_the_workers_can_do_leaves_a_bounded_queue(
    stack: Stack, history: History, record_property: Record
) -> None:
    found = overload(stack, history, 3 * SLOW_MODEL_A_SECOND)
    record_property("T19", found)
    assert history.outcomes[503] > 0, found
    # What one process lets in between two looks may stand above it, and the workers' hands are not empty.
    assert QUEUE * 0.9 <= found["most_waiting"] <= QUEUE * 1.1, found


@pytest.mark.parametrize("stack", [NARROW], indirect=True)
def test_t39_one_visitor_who_floods_the_site_slows_no_other(
    stack: Stack, history: History, record_property: Record
) -> None:
    visitors = itertools.cycle([visitor_cookie(stack) for _ in range(20)])
    calm = (upload_request(png_bytes(seed, side=64), headers={"Cookie": next(visitors)}) for seed in itertools.count())
    flooder = {"Cookie": visitor_cookie(stack)}
    flood = (upload_request(png_bytes(seed, side=64), headers=flooder) for seed in itertools.count(1_000_000))

    async def both() -> tuple[list[Reply], list[Reply]]:
        told: list[Reply] = []
        flooding = asyncio.create_task(send_from_many(stack.port, flood, senders=20, seconds=60, into=told))
        async with asyncio.timeout(60):
            while not any(reply.status == 429 for reply in told):  # what a visitor may send has been taken
                await asyncio.sleep(0.05)
        others = await send_steadily(stack.port, calm, per_second=10, seconds=20)
        assert not flooding.done()
        return others, await flooding

    quiet = asyncio.run(send_steadily(stack.port, calm, per_second=10, seconds=20))
    others, refused = asyncio.run(both())
    found: dict[str, Any] = {
        "quiet": percentile((reply.seconds for reply in quiet), 0.95),
        "others": percentile((reply.seconds for reply in others), 0.95),
        "flood": dict(Counter(reply.status for reply in refused)),
    }
    record_property("T39", found)
    write_down(history, [*quiet, *others, *refused])
    history.await_quiet(30)
    history.check()
    assert {reply.status for reply in [*quiet, *others]} == {201}
    assert found["flood"].keys() == {201, 429}
    require_only_refusals_with_a_way_back(refused)
    assert found["others"] <= 2 * found["quiet"], found


def visitor_cookie(stack: Stack) -> str:
    with stack.client() as client:
        client.get("/api/v1/images")
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())
