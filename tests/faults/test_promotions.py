"""T35 and T33: workers end while they promote, versions are damaged. Exactly one version is live, and it answers."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial

import pytest

from tests.faults.alarms import metric, progress
from tests.faults.history import History
from tests.faults.version_changes import (
    ANSWERS,
    ASK,
    PROMOTE,
    REGISTER,
    STANDING,
    await_promotion,
    trials_of,
)
from tests.stack import Stack, await_that

pytestmark = [pytest.mark.processes, pytest.mark.faults]

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
    await_that(lambda: not trials_of(stack), 60, "no trial is left behind")


def die_at(stack: Stack, ask: str, point: str) -> None:
    stack.start_worker(FAILPOINTS=f"{point}=exit")
    doomed = stack.processes["worker"]
    stack.query(ask)
    await_that(lambda: doomed.poll() is not None, 120, f"the worker dies at {point}")


def end_during_the_trial(stack: Stack, ask: str, signal_number: int) -> None:
    stack.start_worker(FAILPOINTS="during-model-load=sleep:60")
    stack.query(ask)
    await_that(lambda: bool(trials_of(stack)), 120, "a worker tries the version")
    stack.kill("worker", signal_number)


ENDS: tuple[Callable[[Stack, str], None], ...] = (
    partial(die_at, point="before-promote-commit"),
    partial(end_during_the_trial, signal_number=signal.SIGKILL),
    partial(die_at, point="after-promotion-claim"),
    partial(end_during_the_trial, signal_number=signal.SIGTERM),
)


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
    await_that(lambda: stack.query(alarm) == 1, 60, "the worker raises an alarm")
    assert "cannot be loaded" in progress(stack)[1]["alarms"][0]
    assert metric(stack, "whatsit_skewed_workers") == 1
    with stack.client() as client:
        for seed in range(20):
            assert history.send(client, seed) == 201
    history.await_quiet(60)
    history.check()
    assert {row[1] for row in stack.query(ANSWERS)} == {1}
