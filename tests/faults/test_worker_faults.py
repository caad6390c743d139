"""T1, T3, T8, T9, T31, T32: what may happen to a gpu worker, with times divided by ten unless marked."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Sequence

import pytest
from PIL import Image

from tests.faults.history import History
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that, promised

pytestmark = [pytest.mark.processes, pytest.mark.faults]

WORKER_POINTS = [
    "after-claim",
    "mid-batch",
    "after-infer",
    "before-result-commit",
    "after-result-commit",
    "before-push",
]
REAL_TIMES = {
    "PREDICTION_LEASE_SECONDS": "30",
    "PREDICTION_BATCH_SECONDS": "20",
    "PREDICTION_POLL_SECONDS": "5",
    "HEARTBEAT_SECONDS": "5",
}


# Long enough to be stopped in the middle of one.
LONG_BATCHES = {"STUB_BATCH_SECONDS": "2.5", "PREDICTION_BATCH_SECONDS": "4", "PREDICTION_LEASE_SECONDS": "5"}


def upload_many(stack: Stack, history: History, seeds: range) -> None:
    with stack.client() as client:
        for seed in seeds:
            assert history.send(client, seed) == 201


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(("after-infer", "after-result-commit"), id="the two worst"),
        pytest.param(WORKER_POINTS, id="all", marks=pytest.mark.long),
    ],
)
def test_t1_a_worker_killed_at_any_point_loses_and_doubles_nothing(
    stack: Stack, history: History, points: Sequence[str]
) -> None:
    for number, point in enumerate(points):
        stack.kill("worker")
        upload_many(stack, history, range(number * 16, number * 16 + 16))
        stack.start_worker(FAILPOINTS=f"{point}=exit")
        doomed = stack.processes["worker"]
        await_that(lambda process=doomed: process.poll() is not None, 120, f"the worker dies at {point}")  # type: ignore[misc]
        stack.start_worker()
        history.await_quiet(60)
    history.check()


@pytest.mark.long
@pytest.mark.parametrize("stack", [REAL_TIMES], indirect=True)
def test_t1_with_the_real_times_all_is_done_within_45_seconds(stack: Stack, history: History) -> None:
    stack.kill("worker")
    upload_many(stack, history, range(64))
    stack.start_worker(FAILPOINTS="after-infer=exit")
    doomed = stack.processes["worker"]
    await_that(lambda: doomed.poll() is not None, 30, "the worker dies")
    stack.start_worker()
    assert history.await_quiet(60) <= 45
    history.check()


@pytest.mark.parametrize("stack", [{"STUB_IMAGE_SECONDS": "0.05", "STUB_BATCH": "16"}], indirect=True)
def test_t3_a_stopped_worker_finishes_its_batch_and_leaves_the_rest(stack: Stack, history: History) -> None:
    upload_many(stack, history, range(120))
    started = time.monotonic()
    stack.kill("worker", signal.SIGTERM)
    assert time.monotonic() - started <= promised(30)
    claimed = "from classifier.models import Prediction; result = Prediction.objects.filter(state='claimed').count()"
    assert stack.query(claimed) == 0
    stack.start_worker()
    history.await_quiet(120)
    history.check()


def test_t8_repeated_and_late_rings_predict_nothing_twice(stack: Stack, history: History) -> None:
    ring = "from tasks.prediction import drain\nfor _ in range(40): drain.apply_async(queue='gpu')"
    with stack.client() as client:
        for seed in range(100):
            history.send(client, seed)
            if seed % 20 == 0:
                stack.query(ring)
    stack.query(ring)
    history.await_quiet(120)
    history.check()
    runs = (
        "from classifier.models import WorkerHeartbeat as Beat; result = sum(b.images_done for b in Beat.objects.all())"
    )
    await_that(lambda: stack.query(runs) >= 100, 60, "the worker has told what it did")
    assert stack.query(runs) <= 105


@pytest.mark.parametrize("stack", [LONG_BATCHES], indirect=True)
def test_t9_a_worker_that_wakes_after_its_lease_changes_nothing(stack: Stack, history: History) -> None:
    claimed = "from classifier.models import Prediction; result = Prediction.objects.filter(state='claimed').count()"
    upload_many(stack, history, range(1))
    await_that(lambda: stack.query(claimed) == 1, 60, "the worker holds the row")
    stack.signal("worker", signal.SIGSTOP)
    stack.start_worker("other")
    history.await_quiet(120)
    rows = (
        "from classifier.models import Prediction\n"
        "result = list(Prediction.objects.values_list('worker', 'claim', 'label__name'))"
    )
    before = stack.query(rows)
    assert before[0][1] == 2
    stack.signal("worker", signal.SIGCONT)
    time.sleep(3)  # more than the zombie needs to try its late write
    assert stack.query(rows) == before
    history.check()


def restart_when_dead(stack: Stack) -> int:
    """The supervisor's part; returns 1 when it had to act."""
    if stack.processes["worker"].poll() is None:
        return 0
    stack.start_worker()
    return 1


@pytest.mark.parametrize("action", ["kill", pytest.param("hang", marks=pytest.mark.long)])
def test_t31_t32_a_poison_image_fails_alone(stack: Stack, history: History, action: str) -> None:
    trap = next(seed for seed in range(1000) if first_value(seed) == 7)
    healthy = [seed for seed in range(1000, 1200) if first_value(seed) != 7][:15]
    stack.kill("worker")
    with stack.client() as client:
        for seed in [*healthy[:8], trap, *healthy[8:]]:
            history.send(client, seed)
    stack.environment["STUB_TRAP"] = f"7={action}"
    stack.start_worker()
    deaths = 0
    limit = time.monotonic() + 120
    while stack.query("from tests.faults.history import OPEN_ROWS; exec(OPEN_ROWS)") and time.monotonic() < limit:
        deaths += restart_when_dead(stack)
        time.sleep(0.2)
    history.check(failed=1)
    assert deaths <= 4


def first_value(seed: int) -> int:
    """The first grey value of the test picture of that seed."""
    with Image.open(io.BytesIO(png_bytes(seed))) as picture:
        return picture.convert("L").tobytes()[0]
