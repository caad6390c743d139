"""Heartbeats: what a worker says of itself, and what others conclude from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from classifier.heartbeats import beat, forget_silent_workers, forget_worker, live_workers, skewed_workers
from classifier.models import Classifier, WorkerHeartbeat
from tests.row_makers import make_version

pytestmark = pytest.mark.django_db


def age(worker: str, seconds: float) -> None:
    WorkerHeartbeat.objects.filter(worker=worker).update(seen_at=timezone.now() - timedelta(seconds=seconds))


def test_a_first_beat_makes_the_workers_row() -> None:
    beat(
        worker="w1", queue="gpu", device="cpu", loaded_versions=["a"], batch_size=8, images_done=3, counters={"n": 1.5}
    )
    row = WorkerHeartbeat.objects.get()
    assert (row.worker, row.queue, row.device, row.loaded_versions) == ("w1", "gpu", "cpu", ["a"])
    assert (row.batch_size, row.images_done, row.counters) == (8, 3, {"n": 1.5})


def test_later_beats_change_the_row_and_keep_its_start() -> None:
    beat(worker="w1", queue="gpu")
    age("w1", 60)
    started = WorkerHeartbeat.objects.get().started_at
    beat(worker="w1", queue="gpu", images_done=9, alarm="model not loadable")
    row = WorkerHeartbeat.objects.get()
    assert (row.images_done, row.alarm, row.started_at) == (9, "model not loadable", started)
    assert timezone.now() - row.seen_at < timedelta(seconds=30)


def test_a_long_alarm_is_cut_to_its_column() -> None:
    beat(worker="w1", queue="gpu", alarm="x" * 1000)
    assert len(WorkerHeartbeat.objects.get().alarm) == 300


def test_live_workers_are_those_of_the_queue_heard_of_lately(settings: Any) -> None:
    settings.HEARTBEAT_SECONDS = 5.0
    for worker in ("w1", "w2", "w3"):
        beat(worker=worker, queue="gpu" if worker != "w3" else "train")
    age("w2", 16)
    assert [row.worker for row in live_workers("gpu")] == ["w1"]


def test_a_worker_is_skewed_when_it_holds_models_but_no_live_one(pets: Classifier) -> None:
    live = str(pets.live_version_id)
    old = str(make_version(pets, "2" * 64).id)
    beat(worker="current", queue="gpu", loaded_versions=[old, live])
    beat(worker="behind", queue="gpu", loaded_versions=[old])
    beat(worker="starting", queue="gpu")
    assert skewed_workers() == ["behind"]


def test_workers_silent_for_a_day_are_forgotten() -> None:
    for worker in ("w1", "w2"):
        beat(worker=worker, queue="gpu")
    age("w1", 86_400 + 60)
    assert forget_silent_workers() == 1
    assert [row.worker for row in WorkerHeartbeat.objects.all()] == ["w2"]


def test_a_worker_that_stops_in_order_is_forgotten_at_once(db: None) -> None:
    beat(worker="w1", queue="gpu")
    forget_worker("w1")
    assert live_workers("gpu") == []
