"""T1 with numbers that say something, and T9 and T32 once with the real times."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.faults.history import OPEN_ROWS, History
from tests.faults.kill_storm import Senders
from tests.faults.test_worker_faults import REAL_TIMES, WORKER_POINTS, first_value, restart_when_dead
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1800)]

ROUNDS, UPLOADS = 20, 5200
ROWS = """
from classifier.models import Prediction
result = [[row.claim, row.state, row.worker] for row in Prediction.objects.order_by('queued_at')]
"""
FENCED = """
from classifier.models import WorkerHeartbeat
result = sum(row.counters.get('predictions.fenced', 0) for row in WorkerHeartbeat.objects.all())
"""


@pytest.mark.parametrize("stack", [{"STUB_BATCH": "16"}], indirect=True)
def test_t1_twenty_workers_killed_in_the_middle_of_a_batch_lose_nothing(stack: Stack, history: History) -> None:
    senders = Senders(stack, history, uploads=UPLOADS, share=lambda: history.rounds / ROUNDS, threads=2)
    senders.start()
    for number in range(ROUNDS):
        point = WORKER_POINTS[number % len(WORKER_POINTS)]
        stack.kill("worker")
        stack.start_worker(FAILPOINTS=f"{point}=exit@2")
        history.rounds += 1
        doomed = stack.processes["worker"]
        await_that(lambda process=doomed: process.poll() is not None, 90, f"the worker dies at {point}")  # type: ignore[misc]
        stack.start_worker()
        history.await_quiet(90)
    senders.join()
    history.await_quiet(60)
    history.check()
    assert len(history.accepted) == UPLOADS


@pytest.mark.parametrize("stack", [REAL_TIMES], indirect=True)
def test_t9_with_the_real_times_a_worker_that_wakes_after_its_lease_changes_nothing(
    stack: Stack, history: History, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    stack.kill("worker")
    # Paused before its watchdog begins to count: else that ends it as soon as it wakes, and nothing comes late.
    stack.start_worker("zombie", FAILPOINTS="after-claim=sleep:1@1", FAILPOINTS_TOLD=str(told))
    with stack.client() as client:
        for seed in range(16):
            assert history.send(client, seed) == 201
    await_that(told.exists, 60, "the worker has claimed")
    stack.signal("zombie", signal.SIGSTOP)
    stack.start_worker()
    history.await_quiet(90)
    before = stack.query(ROWS)
    assert {row[0] for row in before} >= {2}
    stack.signal("zombie", signal.SIGCONT)
    await_that(lambda: stack.query(FENCED) > 0, 60, "the late answers are counted")
    assert stack.query(ROWS) == before
    history.check()


@pytest.mark.parametrize("stack", [REAL_TIMES], indirect=True)
def test_t32_with_the_real_times_a_hung_model_is_replaced_and_its_neighbours_answered(
    stack: Stack, history: History
) -> None:
    trap = next(seed for seed in range(1000) if first_value(seed) == 7)
    healthy = [seed for seed in range(1000, 1200) if first_value(seed) != 7][:15]
    stack.kill("worker")
    with stack.client() as client:
        for seed in [*healthy, trap]:
            assert history.send(client, seed) == 201
    stack.environment["STUB_TRAP"] = "7=hang"
    stack.start_worker()
    hung = stack.processes["worker"]
    await_that(lambda: stack.query(ROWS)[0][0] == 1, 60, "the batch is claimed")
    claimed = time.monotonic()
    await_that(lambda: hung.poll() is not None, 30, "the hung process is ended")
    assert 15 <= time.monotonic() - claimed <= 30
    stack.start_worker()
    await_that(lambda: any(row[1] == "done" for row in stack.query(ROWS)), 60, "others are answered")
    history.recoveries.append(time.monotonic() - claimed)
    assert history.recoveries[-1] <= 40
    ends = time.monotonic() + 240
    while stack.query(OPEN_ROWS) and time.monotonic() < ends:
        restart_when_dead(stack)
        time.sleep(0.5)
    history.check(failed=1)
