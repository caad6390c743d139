"""Idle latency: one picture at a time over a kept connection, from the first byte sent to its answer on the socket."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.benchmarks.site import Site

PAUSE_SECONDS = 0.03


def measure_latency(site: Site, pictures: Path, *, count: int, first: int = 0) -> dict[str, float]:
    """Milliseconds: p50 and p99 to the pushed answer, and p50 to the 201."""
    files = sorted(pictures.iterdir())[first : first + count + 10]
    cookie = site.new_visitor()
    web = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    answered: list[float] = []
    accepted: list[float] = []
    with connect(
        f"ws://127.0.0.1:{site.port}/ws/results/",
        additional_headers={"Cookie": cookie},
        origin=Origin(site.address),
        compression=None,
    ) as live:
        live.recv(timeout=20)
        for number, path in enumerate(files):
            seconds_to_accept, seconds_to_answer = _send_one(web, live, cookie, path)
            if number >= 10:  # the first ones warm up
                accepted.append(seconds_to_accept * 1000)
                answered.append(seconds_to_answer * 1000)
            time.sleep(PAUSE_SECONDS)
    web.close()
    cuts = statistics.quantiles(answered, n=100, method="inclusive")
    return {
        "count": len(answered),
        "p50_ms": round(cuts[49], 2),
        "p99_ms": round(cuts[98], 2),
        "accepted_p50_ms": round(statistics.median(accepted), 2),
    }


def _send_one(web: http.client.HTTPConnection, live: ClientConnection, cookie: str, path: Path) -> tuple[float, float]:
    part = f'Content-Disposition: form-data; name="file"; filename="{path.name}"\r\nContent-Type: image/png'
    body = b"".join([b"--cut\r\n", part.encode(), b"\r\n\r\n", path.read_bytes(), b"\r\n--cut--\r\n"])
    headers = {"Content-Type": "multipart/form-data; boundary=cut", "Cookie": cookie}
    started = time.perf_counter()
    web.request("POST", "/api/v1/images", body, headers)
    answer = web.getresponse()
    said = json.loads(answer.read())
    accepted = time.perf_counter() - started
    assert answer.status == 201, said
    identifier = said["images"][0]["id"]
    while not _is_answer(json.loads(live.recv(timeout=30)), identifier):
        pass
    return accepted, time.perf_counter() - started


def _is_answer(event: dict[str, Any], identifier: str) -> bool:
    item = event.get("item") or {}
    return item.get("id") == identifier and item.get("state") == "done"
