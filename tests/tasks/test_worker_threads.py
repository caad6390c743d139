"""Which worker owns which thread, and how a task reaches it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.drain import DrainStep
from tasks.housekeeping_loop import HousekeepingStep
from tasks.train_loop import TrainStep
from tasks.worker_threads import QueueThread, QueueThreadStep, wake_thread


class Recorder(QueueThread):
    """Counts how often it was woken."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def run(self) -> None:
        self._stopping.wait(10)


class RecorderStep(QueueThreadStep):
    """A step of the queue `recorded`."""

    queue = "recorded"

    def make_thread(self) -> QueueThread:
        self.made = Recorder()
        return self.made

    def stop_seconds(self) -> float:
        return 5.0


def worker_of(*queues: str) -> Any:
    return SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=set(queues)))))


@pytest.mark.parametrize(("step", "queue"), [(DrainStep, "gpu"), (TrainStep, "train"), (HousekeepingStep, "default")])
def test_a_thread_belongs_to_the_workers_of_its_queue_alone(step: type[QueueThreadStep], queue: str) -> None:
    enabled = {name for name in ("gpu", "train", "default") if step(worker_of(name)).enabled}
    assert enabled == {queue}


def test_a_task_wakes_the_thread_while_the_worker_runs() -> None:
    step = RecorderStep(worker_of("recorded"))
    wake_thread("recorded")
    step.start(None)
    wake_thread("recorded")
    step.stop(None)
    wake_thread("recorded")
    assert step.made.woken == 1
    assert not step.made.is_alive()
