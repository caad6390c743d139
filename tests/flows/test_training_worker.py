"""Queued training on a real train worker: it trains, survives what kills it, and goes on from the last epoch."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dataset_makers import write_halves
from tests.stack import Stack, await_that

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        not (shutil.which("redis-server") or shutil.which("valkey-server")), reason="needs redis-server"
    ),
]
CONFIGURATION = """
batch_size: 16
shift_pixels: 0
mixed_precision: "off"
network_settings: {stem: 4, widths: [8], blocks: [1]}
"""
RUN = "from classifier.models import TrainingRun as R; r = R.objects.order_by('-created_at')[0]; result = "


class TrainStack:
    """Redis, the database and a train worker."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder

    def start_worker(self) -> None:
        options = ["-Q", "train", "--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "WARNING"]
        self.stack.start("trainer", [sys.executable, "-m", "celery", "-A", "tasks", "worker", *options])

    def queue(self, epochs: int) -> None:
        path = str(self.folder / "tiny.yaml")
        self.stack.manage("train", "halves", "--config", path, "--epochs", str(epochs), "--queue")

    def ask(self, expression: str) -> Any:
        return self.stack.query(RUN + expression)

    def await_state(self, state: str, seconds: float = 240) -> None:
        await_that(lambda: self.ask("r.state") == state, seconds, f"the run is {state}")

    def await_epochs(self, count: int) -> None:
        await_that(lambda: len(self.ask("r.curves")) >= count, 240, f"{count} epochs are done")

    def trainer_pid(self) -> int:
        return int(self.ask("r.worker").rpartition(":")[2])


@pytest.fixture
def trainers(tmp_path: Path) -> Iterator[TrainStack]:
    stack = Stack(tmp_path / "var", environment={"OMP_NUM_THREADS": "1", "TRAINING_POLL_SECONDS": "1"})
    (tmp_path / "var").mkdir(exist_ok=True)
    (tmp_path / "tiny.yaml").write_text(CONFIGURATION, encoding="utf-8")
    try:
        stack.start_redis()
        stack.migrate()
        stack.manage("import_images", "halves", str(write_halves(tmp_path / "halves", train=400, test=60)))
        yield TrainStack(stack, tmp_path)
    finally:
        stack.__exit__()


def is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_a_queued_run_is_trained_and_its_version_goes_live(trainers: TrainStack) -> None:
    trainers.start_worker()
    trainers.queue(3)
    trainers.await_state("done")
    assert trainers.ask("r.classifier.live_version.training_run_id == r.id")
    assert len(trainers.ask("r.curves")) == 3


def test_a_killed_worker_gives_its_run_to_the_next_one_which_goes_on(trainers: TrainStack) -> None:
    trainers.start_worker()
    trainers.queue(400)
    trainers.await_epochs(3)
    pid = trainers.trainer_pid()
    trainers.stack.kill("trainer", signal.SIGKILL)
    await_that(lambda: not is_alive(pid), 120, "the trainer ends with its worker")
    assert trainers.ask("r.state") == "queued"
    done = len(trainers.ask("r.curves"))
    trainers.start_worker()
    trainers.await_epochs(done + 2)
    assert "Going on from the last stored epoch." in trainers.ask("r.log")
    assert [entry["epoch"] for entry in trainers.ask("r.curves")][: done + 2] == list(range(1, done + 3))
    pid = trainers.trainer_pid()
    assert trainers.stack.kill("trainer", signal.SIGTERM) == 0
    assert not is_alive(pid)
    assert trainers.ask("[r.state, r.outcome]") == ["queued", ""]


@pytest.mark.long
def test_a_killed_trainer_fails_its_run_and_a_cancel_ends_one(trainers: TrainStack) -> None:
    trainers.start_worker()
    trainers.queue(5000)
    trainers.await_epochs(1)
    os.kill(trainers.trainer_pid(), signal.SIGKILL)
    trainers.await_state("failed", 120)
    assert "signal 9" in trainers.ask("r.outcome")
    trainers.queue(5000)
    trainers.await_epochs(1)
    trainers.stack.query(RUN + "__import__('classifier.training_runs').training_runs.request_cancel(r)")
    trainers.await_state("cancelled", 120)
    assert (
        trainers.stack.query(
            "from classifier.object_storage import list_objects; result = [o.key for o in list_objects('training/')]"
        )
        == []
    )


@pytest.mark.long
def test_a_trainer_gives_way_to_predictions(trainers: TrainStack) -> None:
    trainers.start_worker()
    trainers.queue(400)
    trainers.await_epochs(1)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, trainers.trainer_pid()) == min(19, usual + 10)
