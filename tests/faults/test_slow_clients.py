"""T25: a thousand clients that take their time. They are cut off, and who is honest does not notice them."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.history import History
from tests.faults.load_client import percentile
from tests.faults.process_watch import watching
from tests.faults.slow_clients import Crowd, Slowness, slow_clients
from tests.free_ports import free_port
from tests.stack import ROOT, Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

MINUTES = float(os.environ.get("FAULT_MINUTES", "2"))
CONNECTIONS = 1000
SHELL_LIMIT = 512  # of open files; shells commonly set 1,024
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 7)]  # nginx allows 200 connections each
CUT_SECONDS, LATENESS_SECONDS = 30.0, 3.0
PHASE_SECONDS = CUT_SECONDS + 15  # all are there after 10 s
P95_SECONDS, SUCCESS = 1.0, 0.999


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Its web process starts with a shell's limit of open files; the test itself needs more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * CONNECTIONS:
        pytest.skip(f"needs {4 * CONNECTIONS} open files; this user may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (SHELL_LIMIT, hard))
    try:
        with Stack(tmp_path) as running:
            running.await_worker()
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            yield running
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def front(stack: Stack, tmp_path: Path) -> Iterator[int]:
    """The port of an nginx with our file before the web process."""
    if not shutil.which("nginx"):
        pytest.skip("needs nginx: apt-get install nginx")
    port, folder = free_port(), tmp_path / "nginx"
    folder.mkdir()
    text = (ROOT / "docker" / "nginx.conf").read_text(encoding="utf-8")
    for old, new in {
        "server web:8000;": f"server 127.0.0.1:{stack.port};",
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/tmp/": f"{folder}/",
        "worker_processes auto;": "worker_processes auto;\nuser root;",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    nginx = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"])
    await_that(lambda: _answers(port), 10, "nginx answers")
    yield port
    nginx.terminate()
    nginx.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def be_honest(port: int, history: History, seconds: float) -> list[float]:
    """Upload and look, five times a second, on new connections; the seconds of each, endless for a failure."""
    taken, ends = [], time.monotonic() + seconds
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, headers={"Connection": "close"}) as client:
        while time.monotonic() < ends:
            started = time.monotonic()
            history.rounds += 1
            is_well = history.send(client, history.rounds) == 201 if history.rounds % 2 else _looks(client)
            taken.append(time.monotonic() - started if is_well else float("inf"))
            time.sleep(max(0.0, 0.2 - (time.monotonic() - started)))
    return taken


def _looks(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v1/images").status_code == 200
    except httpx.HTTPError:
        return False


def open_files(stack: Stack) -> int:
    """Of the web process, now."""
    return sum(1 for _ in Path(f"/proc/{stack.processes['web'].pid}/fd").iterdir())


def judge(name: str, crowd: Crowd, taken: list[float]) -> None:
    """Nearly all honest requests were answered in time, and everybody slow was there and was cut off."""
    p95 = percentile(taken, 0.95)
    success = sum(1 for seconds in taken if seconds < float("inf")) / len(taken)
    sys.stdout.write(
        f"\n{name}: {crowd.most} at once, {len(crowd.lifetimes)} cut, the longest after {crowd.longest:.1f} s; "
        f"honest: {success:.2%} of {len(taken)}, p95 {p95:.3f} s\n"
    )
    assert (success >= SUCCESS, p95 <= P95_SECONDS) == (True, True), name
    assert crowd.most >= 0.9 * CONNECTIONS, name


@pytest.mark.parametrize("kind", [Slowness.HEADERS, Slowness.BODY, Slowness.READING], ids=lambda kind: kind.name)
def test_t25_slow_clients_of_the_web_process_are_cut_off_and_nobody_else_notices(
    stack: Stack, history: History, kind: Slowness
) -> None:
    with (
        watching(stack.processes["web"].pid) as web,
        slow_clients(stack.port, [kind], addresses=ADDRESSES, connections=CONNECTIONS) as crowd,
    ):
        taken = be_honest(stack.port, history, max(MINUTES * 20, PHASE_SECONDS))
        judge(f"directly, {kind.value}", crowd, taken)
        # What an answer's reader has not taken may lie in the system's buffers: there it is the server that has let go.
        if kind is Slowness.READING:
            assert open_files(stack) <= CONNECTIONS / 10
        else:
            assert crowd.longest <= CUT_SECONDS + LATENESS_SECONDS
    sys.stdout.write(f"web process: {web.open_files} open files and {web.megabytes:.0f} MB at most\n")
    assert web.open_files > CONNECTIONS
    history.await_quiet(30)
    history.check()


@pytest.mark.parametrize(
    "kind", [Slowness.HEADERS, Slowness.BODY, Slowness.PAUSE, Slowness.READING], ids=lambda kind: kind.name
)
def test_t25_slow_clients_of_the_front_never_reach_the_web_process(
    stack: Stack, front: int, history: History, kind: Slowness
) -> None:
    with (
        watching(stack.processes["web"].pid) as web,
        slow_clients(front, [kind], addresses=ADDRESSES, connections=CONNECTIONS) as crowd,
    ):
        taken = be_honest(front, history, max(MINUTES * 15, PHASE_SECONDS))
        judge(f"nginx, {kind.value}", crowd, taken)
        # nginx knows no limit for a whole body: who goes on sending is held there, at 200 connections an address.
        assert kind in {Slowness.BODY, Slowness.READING} or crowd.longest <= CUT_SECONDS + LATENESS_SECONDS
    sys.stdout.write(f"web process: {web.open_files} open files at most\n")
    assert kind is Slowness.READING or web.open_files < 300  # a question is passed on, however its answer is read
    history.await_quiet(30)
    history.check()
