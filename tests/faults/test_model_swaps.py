"""T34 and T35: versions change under load and under kills. Every answer names who gave it, exactly one is live."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.history import History
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that
from tests.stub_predictor import LABELS, grey_sum

pytestmark = [pytest.mark.processes, pytest.mark.faults]

WORKERS = ("worker", "second", "third")
REGISTER = "from tests.stub_predictor import install_stub_version as install\nresult = install({offset}, live=False)"
PROMOTE = """
from classifier.model_registry import promote
from classifier.models import ModelVersion
promote(version=ModelVersion.objects.get(number={number}), reason='swap')
"""
ANSWERS = """
from classifier.models import Prediction
rows = Prediction.objects.filter(state='done').select_related('image', 'model_version', 'label')
result = [
    [int(row.image.name.removesuffix('.png')), row.model_version.number, row.label.name,
     (row.done_at - row.queued_at).total_seconds()]
    for row in rows
]
"""
ASK = """
from classifier.models import ModelVersion
from classifier.promotion_requests import request_promotion
request_promotion(version=ModelVersion.objects.get(number={number}), user=None, reason='a test')
"""
STANDING = """
from classifier.models import Classifier, LiveVersionChange, ModelVersion, PromotionRequest
from classifier.model_registry import promote
request = PromotionRequest.objects.order_by('-created_at').first()
result = {
    'request': [request.state, request.outcome] if request else None,
    'worker': request.worker if request else '',
    'live': Classifier.objects.get().live_version.number,
    'stages': [v.number for v in ModelVersion.objects.filter(stage='live')],
    'changes': [change.version.number for change in LiveVersionChange.objects.order_by('at')],
}
"""


class Uploader(threading.Thread):
    """Sends one new picture every 20 ms until it is told to stop."""

    def __init__(self, stack: Stack, history: History, first_seed: int) -> None:
        super().__init__()
        self.stack, self.history, self.seed = stack, history, first_seed
        self.stopping = threading.Event()

    def run(self) -> None:
        with self.stack.client() as client:
            due = time.monotonic()
            while not self.stopping.is_set():
                self.history.send(client, self.seed)
                self.seed += 1
                due = max(due + 0.02, time.monotonic() - 0.1)
                self.stopping.wait(max(0.0, due - time.monotonic()))

    def finish(self) -> None:
        self.stopping.set()
        self.join()


def upload_for(stack: Stack, history: History, first_seed: int, seconds: float) -> None:
    uploader = Uploader(stack, history, first_seed)
    uploader.start()
    time.sleep(seconds)
    uploader.finish()
    history.await_quiet(30)


def resident_megabytes(stack: Stack, name: str) -> float:
    return int(Path(f"/proc/{stack.processes[name].pid}/statm").read_text().split()[1]) * 4096 / 1e6


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def swap_under_load(stack: Stack, history: History, swaps: int, pause: float) -> dict[str, Any]:
    """Versions 1 and 2 by turns under 50 uploads a second; returns what was measured."""
    stack.query(REGISTER.format(offset=1))
    upload_for(stack, history, 0, 4)
    for number in (2, 1):  # both are loaded before memory is compared
        stack.query(PROMOTE.format(number=number))
        upload_for(stack, history, 100_000 * number, 0.5)
    before = {name: resident_megabytes(stack, name) for name in WORKERS}
    uploader = Uploader(stack, history, 500_000)
    uploader.start()
    for turn in range(swaps):
        stack.query(PROMOTE.format(number=2 - turn % 2))
        time.sleep(pause)
    uploader.finish()
    history.await_quiet(60)
    grown = max(resident_megabytes(stack, name) - before[name] for name in WORKERS)
    upload_for(stack, history, 900_000, 0.5)
    answers = stack.query(ANSWERS)
    return {
        "wrong": [row for row in answers if row[2] != LABELS[(grey_sum(png_bytes(row[0])) + row[1] - 1) % len(LABELS)]],
        "by": [sum(1 for row in answers if row[0] >= 500_000 and row[1] == number) for number in (1, 2)],
        "last": {row[1] for row in answers if row[0] >= 900_000},
        "usual": p99([row[3] for row in answers if row[0] < 100_000]),
        "swapping": p99([row[3] for row in answers if 500_000 <= row[0] < 900_000]),
        "grown": grown,
    }


@pytest.mark.parametrize(("swaps", "pause"), [pytest.param(200, 0.02), pytest.param(2000, 0.1, marks=pytest.mark.long)])
def test_t34_two_hundred_swaps_under_load_fail_and_mix_up_nothing(
    stack: Stack, history: History, swaps: int, pause: float
) -> None:
    for name in WORKERS[1:]:
        stack.start_worker(name)
    measured = swap_under_load(stack, history, swaps, pause)
    history.check()
    assert set(history.outcomes) == {201}
    assert measured["wrong"] == []
    assert min(measured["by"]) > 0.2 * sum(measured["by"]), measured
    assert measured["last"] == {1}
    assert measured["swapping"] <= 2 * measured["usual"] + 0.25, measured
    assert measured["grown"] <= 100, measured


def await_promotion(stack: Stack, state: str, seconds: float = 30) -> dict[str, Any]:
    """Until the newest request has ended so; returns how things stand."""
    await_that(lambda: stack.query(STANDING)["request"][0] == state, seconds, f"the promotion is {state}")
    standing: dict[str, Any] = stack.query(STANDING)
    assert standing["stages"] == [standing["live"]]
    return standing


QUICK = {"PROMOTION_LEASE_SECONDS": "2"}


@pytest.mark.parametrize("stack", [QUICK], indirect=True)
@pytest.mark.parametrize("ends", ["the two worst", pytest.param("all", marks=pytest.mark.long)])
def test_t35_however_a_worker_ends_one_version_is_live_and_the_next_worker_ends_the_promotion(
    stack: Stack, ends: str
) -> None:
    for number, end_worker in enumerate(ENDS if ends == "all" else ENDS[:2], start=2):
        stack.query(REGISTER.format(offset=number))
        stack.kill("worker")
        end_worker(stack, ASK.format(number=number))
        standing = stack.query(STANDING)
        assert (standing["request"], standing["stages"]) == (["waiting", ""], [number - 1])
        stack.start_worker()
        standing = await_promotion(stack, "done")
        assert (standing["live"], standing["changes"]) == (number, list(range(1, number + 1)))
    await_that(lambda: not trials_of(stack), 10, "no trial is left behind")


def die_at(stack: Stack, ask: str, point: str) -> None:
    stack.start_worker(FAILPOINTS=f"{point}=exit")
    doomed = stack.processes["worker"]
    stack.query(ask)
    await_that(lambda: doomed.poll() is not None, 30, f"the worker dies at {point}")


def end_during_the_trial(stack: Stack, ask: str, signal_number: int) -> None:
    stack.start_worker(FAILPOINTS="during-model-load=sleep:60")
    stack.query(ask)
    await_that(lambda: bool(trials_of(stack)), 30, "a worker tries the version")
    stack.kill("worker", signal_number)


ENDS: tuple[Callable[[Stack, str], None], ...] = (
    partial(die_at, point="before-promote-commit"),
    partial(end_during_the_trial, signal_number=signal.SIGKILL),
    partial(die_at, point="after-promotion-claim"),
    partial(end_during_the_trial, signal_number=signal.SIGTERM),
)


def trials_of(stack: Stack) -> list[str]:
    """Processes that try a version in this stack's folder."""
    mark = f"WHATSIT_VAR={stack.folder}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"prove" in (entry / "cmdline").read_bytes() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(entry.name)
        except OSError:
            continue
    return found


def test_t33_a_damaged_version_is_refused_by_the_trial_and_when_forced_by_the_worker(
    stack: Stack, history: History
) -> None:
    stack.query(REGISTER.format(offset=1))
    spoil = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from classifier.models import ModelVersion
key = f"models/{ModelVersion.objects.get(number=2).digest}/weights.weights.h5"
default_storage.delete(key)
default_storage.save(key, ContentFile(b'7'))
"""
    stack.query(spoil)
    stack.query(ASK.format(number=2))
    standing = await_promotion(stack, "refused")
    assert "v2 cannot go live: weights.weights.h5 was altered" in standing["request"][1]
    assert standing["changes"] == [1]
    stack.query(PROMOTE.format(number=2))
    alarm = (
        "from classifier.models import WorkerHeartbeat; result = WorkerHeartbeat.objects.filter(alarm__gt='').count()"
    )
    await_that(lambda: stack.query(alarm) == 1, 10, "the worker raises an alarm")
    with stack.client() as client:
        for seed in range(20):
            assert history.send(client, seed) == 201
    history.await_quiet(15)
    history.check()
    assert {row[1] for row in stack.query(ANSWERS)} == {1}
