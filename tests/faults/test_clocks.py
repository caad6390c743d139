"""T10: one worker's clock is an hour wrong, or jumps. Only the database's time decides about leases."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.kill_storm import ALIVE
from tests.postgres_server import PostgresMissing, run_server
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
CLOCKS = {"an hour ahead": ["+1h"], "an hour behind": ["-1h"], "steps": ["+262", "-262", "+0", "-262", "+262"]}
LEASE_SECONDS = 6.0
BATCH_SECONDS = 1.5
FEW = 3
BUSY = {
    "STUB_BATCH": "8",
    "STUB_BATCH_SECONDS": str(BATCH_SECONDS),
    "PREDICTION_LEASE_SECONDS": str(LEASE_SECONDS),
    "PREDICTION_BATCH_SECONDS": "5",
}
CLAIMS = "from classifier.models import Prediction as P; result = list(P.objects.values_list('claim', 'failures'))"
HELD = """
from django.db.models.functions import Now
from classifier.models import Prediction
rows = Prediction.objects.filter(state='claimed').annotate(moment=Now())
result = [[row.worker, (row.lease_until - row.moment).total_seconds()] for row in rows]
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    if LIBRARY is None:
        pytest.skip("needs libfaketime (Debian: apt-get install faketime)")
    try:
        with run_server() as server, Stack(tmp_path, environment={**BUSY, "DATABASE_URL": server.url}) as running:
            running.await_worker()
            yield running
    except PostgresMissing as missing:
        pytest.skip(str(missing))


def start_worker_out_of_time(stack: Stack, name: str, clock: Path, offset: str) -> None:
    """What it takes for the time of day is `offset` away; set anew whenever the file changes."""
    clock.write_text(offset)
    faked = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    stack.start_worker(name, **faked, FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")


def upload(stack: Stack, history: History, seeds: range) -> None:
    with stack.client() as client:
        for seed in seeds:
            assert history.send(client, seed, side=48) == 201


def await_alive(stack: Stack, name: str) -> None:
    process = str(stack.processes[name].pid)
    await_that(lambda: any(f":{process}:" in worker for worker in stack.query(ALIVE)), 60, f"{name} is heard of")


def await_held(stack: Stack, name: str) -> None:
    process = str(stack.processes[name].pid)
    await_that(lambda: any(f":{process}:" in row[0] for row in stack.query(HELD)), 60, f"{name} holds a batch")


@pytest.mark.parametrize("offsets", CLOCKS.values(), ids=CLOCKS)
def test_t10_a_worker_with_a_wrong_clock_steals_no_lease_and_keeps_none_too_long(
    stack: Stack, history: History, tmp_path: Path, offsets: list[str]
) -> None:
    clock = tmp_path / "clock"
    start_worker_out_of_time(stack, "wrong", clock, offsets[0])
    await_alive(stack, "wrong")
    for number, offset in enumerate(offsets):
        upload(stack, history, range(24 * number, 24 * (number + 1)))
        await_held(stack, "wrong")
        clock.write_text(offset)
        leases = [row[1] for row in stack.query(HELD)]
        assert all(0 < seconds <= LEASE_SECONDS for seconds in leases), leases
    history.await_quiet(120)
    assert {tuple(row) for row in stack.query(CLAIMS)} == {(1, 0)}  # nobody took what another one held
    hand_over(stack, history, "wrong", "worker")
    start_worker_out_of_time(stack, "wrong", clock, offsets[0])
    hand_over(stack, history, "worker", "wrong")
    history.check()


def hand_over(stack: Stack, history: History, victim: str, heir: str) -> None:
    """What a killed worker held is done by the other one soon after the lease, by the database's clock."""
    first = 1000 + 1000 * len(history.accepted)
    await_alive(stack, victim)
    await_alive(stack, heir)
    stack.signal(heir, signal.SIGSTOP)
    upload(stack, history, range(first, first + FEW))
    await_held(stack, victim)
    stack.kill(victim)
    stack.signal(heir, signal.SIGCONT)
    took = history.await_quiet(60)
    assert took <= 2 * LEASE_SECONDS + FEW * BATCH_SECONDS
    assert max(row[0] for row in stack.query(CLAIMS)) == 2
