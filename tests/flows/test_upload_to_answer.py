"""Real processes, from the upload to the stored and pushed answer."""

from __future__ import annotations

import asyncio
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import websockets

from tests.row_makers import png_bytes
from tests.stack import Stack, await_that

pytestmark = pytest.mark.processes

COUNT_BY_STATE = """
from django.db.models import Count
from classifier.models import Prediction
result = dict(Prediction.objects.values_list('state').annotate(n=Count('id')).order_by())
"""


def send(client: httpx.Client, seed: int, **options: Any) -> dict[str, Any]:
    response = client.post("/api/v1/images", files={"file": (f"{seed}.png", png_bytes(seed))}, **options)
    assert response.status_code == 201, response.text
    image: dict[str, Any] = response.json()["images"][0]
    return image


def test_a_waiting_upload_is_answered_with_its_prediction(stack: Stack) -> None:
    with stack.client() as client:
        image = send(client, 1, params={"wait": 30})
    assert image["state"] == "done"
    assert image["prediction"]["label"] in {"cat", "dog", "bird"}
    assert abs(sum(entry["score"] for entry in image["prediction"]["scores"]) - 1) < 1e-5


def test_asvs_v16_2_4_the_logs_of_both_processes_tell_of_one_request_by_its_id(stack: Stack) -> None:
    asked = "request-of-the-log-test"
    with stack.client() as client:
        image = send(client, 90, params={"wait": 30}, headers={"X-Request-ID": asked})
    await_that(lambda: asked in str(read_log(stack, "worker")), 30, "the worker names the request")
    (predicted,) = [line for line in read_log(stack, "worker") if asked in line.get("requests", [])]
    assert (predicted["event"], len(predicted["predictions"])) == ("batch_predicted", 1)
    accepted = [line for line in read_log(stack, "web") if line.get("request") == asked]
    assert [(line["event"], line["images"]) for line in accepted] == [("images_accepted", [image["id"]])]


def read_log(stack: Stack, name: str) -> list[dict[str, Any]]:
    """Every whole line that this process has written; all of them are JSON."""
    text = (stack.folder / f"{name}.out").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{")]


def test_the_socket_sends_a_snapshot_and_then_the_answer(stack: Stack) -> None:
    asyncio.run(_watch_the_socket(stack))


async def _watch_the_socket(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.address, timeout=90) as client:
        first = (
            await client.post("/api/v1/images", files={"file": ("a.png", png_bytes(20))}, params={"wait": 30})
        ).json()
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        headers = {"Cookie": cookie, "Origin": stack.address}
        async with websockets.connect(f"ws://127.0.0.1:{stack.port}/ws/results/", additional_headers=headers) as live:
            snapshot = json.loads(await asyncio.wait_for(live.recv(), 60))
            assert [item["id"] for item in snapshot["items"]] == [first["images"][0]["id"]]
            sent = (await client.post("/api/v1/images", files={"file": ("b.png", png_bytes(21))})).json()["images"][0]
            event = json.loads(await asyncio.wait_for(live.recv(), 60))
            assert event["type"] == "prediction"
            assert (event["item"]["id"], event["item"]["state"]) == (sent["id"], "done")
            assert event["item"]["version"] > sent["version"]


def test_an_idle_socket_still_hears_after_seven_seconds(stack: Stack) -> None:
    asyncio.run(_idle_then_hear(stack))


async def _idle_then_hear(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.address, timeout=90) as client:
        await client.post("/api/v1/images", files={"file": ("a.png", png_bytes(30))}, params={"wait": 30})
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        headers = {"Cookie": cookie, "Origin": stack.address}
        async with websockets.connect(f"ws://127.0.0.1:{stack.port}/ws/results/", additional_headers=headers) as live:
            await live.recv()
            await asyncio.sleep(7)
            await client.post("/api/v1/images", files={"file": ("b.png", png_bytes(31))})
            assert json.loads(await asyncio.wait_for(live.recv(), 60))["type"] == "prediction"


def test_five_hundred_uploads_of_twenty_clients_each_get_one_answer(stack: Stack) -> None:
    before = stack.query(COUNT_BY_STATE).get("done", 0)

    def one_client(number: int) -> list[str]:
        with stack.client() as client:
            return [send(client, 1000 + number * 25 + index)["id"] for index in range(25)]

    with ThreadPoolExecutor(20) as clients:
        ids = [identifier for part in clients.map(one_client, range(20)) for identifier in part]
    assert len(set(ids)) == 500
    await_that(lambda: stack.query(COUNT_BY_STATE) == {"done": before + 500}, 120, "500 predictions are done")
    sums = stack.query(
        "from classifier.models import Prediction\n"
        "result = [sum(row) for row in Prediction.objects.values_list('scores', flat=True)]"
    )
    assert all(abs(total - 1) < 1e-4 for total in sums)
    doubles = stack.query(
        "from django.db.models import Count\nfrom classifier.models import Image\n"
        "result = Image.objects.annotate(n=Count('predictions')).exclude(n=1).count()"
    )
    assert doubles == 0


def test_a_client_that_drops_in_mid_upload_leaves_nothing(stack: Stack) -> None:
    before = stack.query("from classifier.models import Image; result = Image.objects.count()")
    objects = sum(1 for _ in (stack.folder / "media").rglob("*.png"))
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", stack.port)) as raw:
            raw.sendall(b"POST /api/v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n")
            raw.sendall(b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n" + png_bytes(7000)[:300])
    with stack.client() as client:
        send(client, 7001)
    assert stack.query("from classifier.models import Image; result = Image.objects.count()") == before + 1
    assert sum(1 for _ in (stack.folder / "media").rglob("*.png")) == objects + 1
