"""T5: a Redis that keeps a log (appendfsync everysec) is killed and comes back with what it had, and perhaps twice."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.history import History
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long]

ROUNDS = 4
DOWN_SECONDS = 6
RING = "from tasks.prediction import drain\nfor _ in range(30): drain.apply_async(queue='gpu')"
RUNS = "from classifier.models import WorkerHeartbeat as Beat; result = sum(b.images_done for b in Beat.objects.all())"
LATENCIES = """
from classifier.models import Prediction
result = sorted((row.done_at - row.queued_at).total_seconds() for row in Prediction.objects.filter(state='done'))
"""


class StackWithAof(Stack):
    """Its Redis writes every command to a file, which the system puts on the disk once a second."""

    def start_redis(self) -> None:
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        assert binary, "these tests need redis-server (Debian: apt-get install redis-server)"
        kept = ["--appendonly", "yes", "--appendfsync", "everysec", "--dir", str(self.folder), "--save", ""]
        self.start("redis", [binary, "--port", str(self.redis_port), "--bind", "127.0.0.1", *kept])
        await_that(self._redis_answers, 60, "Redis answers")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with StackWithAof(tmp_path) as running:
        running.await_worker()
        yield running


def test_t5_a_redis_that_remembers_its_rings_makes_no_result_twice(stack: Stack, history: History) -> None:
    with stack.client() as client:
        seed = 0
        for _ in range(ROUNDS):
            stack.signal("worker", signal.SIGSTOP)  # so that rings stay in the log, taken and not yet acknowledged
            stack.query(RING)
            seed = send_for(history, client, seed, 1.5)  # the log is on the disk
            stack.kill("redis")
            stack.signal("worker", signal.SIGCONT)
            seed = send_for(history, client, seed, DOWN_SECONDS)
            stack.start_redis()
            history.rounds += 1
            history.await_quiet(60)
        seed = send_for(history, client, seed, 1)
        history.await_quiet(60)
    history.check()
    assert set(history.outcomes) == {201}
    seconds = stack.query(LATENCIES)
    assert seconds[int(len(seconds) * 0.95)] <= 15
    assert (stack.folder / "appendonlydir").is_dir()
    assert stack.query(RUNS) <= 1.05 * len(history.accepted)


def send_for(history: History, client: httpx.Client, seed: int, seconds: float) -> int:
    """Upload at most 50 a second for so long, each taken within two seconds; returns the next seed."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        started = time.monotonic()
        history.send(client, seed, side=48)
        assert time.monotonic() - started < 2
        seed += 1
        time.sleep(max(0.0, started + 0.02 - time.monotonic()))
    return seed
