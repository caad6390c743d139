"""Loads a running site with the peers' wrk script, and counts what was done end to end."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.listener import Listener
from tests.benchmarks.machine import BusyMark
from tests.benchmarks.site import Site

POST_SCRIPT = Path(__file__).resolve().parents[3] / "shared" / "peers" / "post_images.lua"
AS_VISITOR = Path(__file__).with_name("post_as_visitor.lua")
DRAIN_SECONDS = 120.0
_NUMBER = re.compile(r"(\w+) ([\d.]+)")
COUNT_DONE = """
from django.db.models import Count, Max, Min, Q
from classifier.models import Image, Prediction
newest = Image.objects.order_by('-id').values_list('owner', flat=True).first()
rows = Prediction.objects.filter(image__owner=newest).aggregate(
    done=Count('id', filter=Q(state='done')), all=Count('id'), first=Min('queued_at'), last=Max('done_at'))
result = [rows['all'], rows['done'], rows['first'].timestamp(), rows['last'].timestamp() if rows['last'] else 0]
"""
ANYTHING_OPEN = """
from classifier.models import Prediction
from classifier.models.prediction import OPEN
result = Prediction.objects.filter(OPEN).exists()
"""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One window of load. `images_per_second`: from the first picture taken to the last answer stored and pushed."""

    images: int
    done: int
    pushed: int
    errors: int
    images_per_second: float
    accepted_per_second: float
    request_p50_ms: float
    request_p99_ms: float
    drain_seconds: float
    cpu_ms_per_image: dict[str, float]
    busy_cores: float
    load_before: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def parse_result(text: str) -> dict[str, float]:
    """The numbers of the script's RESULT line, by name."""
    line = next(line for line in text.splitlines() if "RESULT" in line)
    return {name: float(value) for name, value in _NUMBER.findall(line.partition("RESULT")[2])}


def run_load(
    site: Site, pictures: Path, *, seconds: float, connections: int, images_a_request: int = 1, first: int = 0
) -> LoadResult:
    """One window with a visitor of its own, whose socket is open; waits until everything is answered."""
    load_before = os.getloadavg()[0]
    cookie = site.new_visitor()
    with Listener(site.port, cookie) as listener:
        cpu_before, mark = site.cpu_seconds(), BusyMark.now()
        said = _run_wrk(site, pictures, seconds, connections, images_a_request, first, cookie)
        ended = time.time()
        _await_drained(site)
        images, done, first_at, last_done = site.query(COUNT_DONE)
        _await_pushed(listener, done)
        cpu_after = site.cpu_seconds()
        busy = mark.since()
    last_at = max(last_done, listener.last_at)
    return LoadResult(
        images=images,
        done=done,
        pushed=listener.answers,
        errors=int(said["non2xx"] + said["socket_errors"]),
        images_per_second=round(done / (last_at - first_at), 1),
        accepted_per_second=said["images_per_s"],
        request_p50_ms=said["p50_ms"],
        request_p99_ms=said["p99_ms"],
        drain_seconds=round(max(0.0, last_at - ended), 2),
        cpu_ms_per_image={
            part: round((cpu_after[part] - cpu_before[part]) * 1000 / max(done, 1), 3) for part in cpu_before
        },
        busy_cores=round(busy, 2),
        load_before=round(load_before, 1),
    )


def _run_wrk(
    site: Site, pictures: Path, seconds: float, connections: int, images_a_request: int, first: int, cookie: str
) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(AS_VISITOR)]
    environment = {
        **os.environ,
        "IMAGES": str(pictures),
        "N": str(images_a_request),
        "START": str(first),
        "COOKIE": cookie,
        "POST_SCRIPT": str(POST_SCRIPT),
    }
    done = subprocess.run(
        [*command, f"{site.address}/api/v1/images"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return parse_result(done.stdout)


def _await_drained(site: Site) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while site.query(ANYTHING_OPEN):
        if time.monotonic() > deadline:
            raise AssertionError(f"predictions still open {DRAIN_SECONDS:g} s after the load ended")
        time.sleep(0.1)


def _await_pushed(listener: Listener, expected: int) -> None:
    deadline = time.monotonic() + 5
    while listener.answers < expected and time.monotonic() < deadline:
        time.sleep(0.05)
