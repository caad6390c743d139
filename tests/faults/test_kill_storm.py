"""T2: three workers killed, stopped and paused at random while 10,000 pictures come in, on both databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.kill_storm import KillStorm, Senders
from tests.postgres_server import PostgresMissing, run_server
from tests.stack import Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

SEED = 42
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "16"))
UPLOADS = int(os.environ.get("FAULT_UPLOADS", "10000"))
SECONDS = (0.4, 3.0)
BUSY = {"STUB_BATCH": "16", "STUB_IMAGE_SECONDS": "0.003"}
"""Most of the time a batch is in hand; a picture that is tried again alone is so for as short a time as with a real
model. The storm comes ten times as often as the design's, and three blows to one picture are its end (T31)."""
WORKERS = ("worker", "second", "third")
FAILURES = """
from django.db.models import Count
from classifier.models import Prediction
result = dict(Prediction.objects.values_list('failures').annotate(Count('id')).order_by())
result = {str(failures): rows for failures, rows in result.items()}
"""


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    if getattr(request, "param", "") != "postgresql":
        with Stack(tmp_path, environment=BUSY) as running:
            running.await_worker()
            yield running
        return
    try:
        with run_server() as server, Stack(tmp_path, environment={**BUSY, "DATABASE_URL": server.url}) as running:
            running.await_worker()
            yield running
    except PostgresMissing as missing:
        pytest.skip(str(missing))


def survive_storm(stack: Stack, history: History) -> None:
    """48 blows by default; every upload ends with its answer, and none fails for what was done to the workers."""
    for name in WORKERS[1:]:
        stack.start_worker(name)
    storm = KillStorm(stack, WORKERS, seed=SEED, rounds=ROUNDS, seconds=SECONDS)
    senders = Senders(stack, history, uploads=UPLOADS, share=storm.share)
    senders.start()
    storm.rage()
    senders.join()
    history.rounds = sum(storm.met.values())
    history.await_quiet(120)
    history.check()
    assert len(history.accepted) == UPLOADS
    failures = {int(count): rows for count, rows in stack.query(FAILURES).items()}
    assert max(failures) <= 3, failures
    assert len(failures) > 1, "no blow ever hit a batch"


@pytest.mark.parametrize("seed", [SEED], ids="seed {}".format)
def test_t2_three_workers_killed_stopped_and_paused_at_random_fail_nothing(
    stack: Stack, history: History, seed: int
) -> None:
    survive_storm(stack, history)


@pytest.mark.parametrize("stack", ["postgresql"], indirect=True, ids=[f"seed {SEED}"])
def test_t2_three_workers_in_a_storm_on_postgresql_fail_nothing(stack: Stack, history: History) -> None:
    survive_storm(stack, history)
