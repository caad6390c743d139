"""A busy worker is heard of; one whose batch hangs, or whose thread has ended, is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError

from classifier.heartbeats import live_workers
from classifier.models import WorkerHeartbeat
from tasks.drain import DrainThread
from tasks.heartbeat_thread import HeartbeatThread
from tasks.loaded_models import LoadedModels
from tests.shared_database import shared_database  # noqa: F401 - a fixture, used by its name
from tests.stub_predictor import install_stub_version


def await_that(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "did not happen within a minute"
        time.sleep(0.01)


@pytest.fixture
def loaded() -> threading.Event:
    """Set it to let the model be loaded (it fails then)."""
    return threading.Event()


@pytest.fixture
def loading(
    loaded: threading.Event,
    shared_database: None,  # noqa: F811 - the fixture imported above
    rings: list[str],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DrainThread]:
    """A drain thread that is loading its first model until the test ends."""
    settings.HEARTBEAT_SECONDS = 0.05
    install_stub_version(1)
    monkeypatch.setattr(LoadedModels, "_load", lambda self, version_id: loaded.wait(120) and 1 / 0)
    drain = DrainThread()
    drain.start()
    yield drain
    loaded.set()
    drain.stop(60)


def test_a_worker_that_loads_a_model_is_heard_of_again_and_again(loading: DrainThread) -> None:
    await_that(lambda: [row.worker for row in live_workers("gpu")] == [loading.worker])
    first = WorkerHeartbeat.objects.get()
    assert first.loaded_versions == []
    await_that(lambda: WorkerHeartbeat.objects.get().seen_at > first.seen_at)


def test_a_worker_that_stops_in_order_while_it_is_busy_leaves_no_heartbeat(
    loading: DrainThread, loaded: threading.Event
) -> None:
    await_that(WorkerHeartbeat.objects.exists)
    loading._stopping.set()
    loaded.set()
    loading.stop(60)
    assert not loading.is_alive()
    assert not WorkerHeartbeat.objects.exists()


@pytest.mark.django_db
def test_a_batch_that_is_overdue_silences_the_worker(settings: Any) -> None:
    drain = DrainThread()
    drain._overdue_at = time.monotonic() - 1
    drain._beat_while_busy()
    assert not WorkerHeartbeat.objects.exists()
    drain._overdue_at = time.monotonic() + 60
    drain._beat_while_busy()
    assert WorkerHeartbeat.objects.count() == 1


@pytest.mark.django_db
def test_between_batches_the_drain_thread_speaks_for_itself() -> None:
    drain = DrainThread()
    drain._beat()
    WorkerHeartbeat.objects.all().delete()
    drain._beat_while_busy()
    assert not WorkerHeartbeat.objects.exists()


def test_a_beat_that_could_not_be_written_is_followed_by_others(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HEARTBEAT_SECONDS = 0.01
    stopping, said = threading.Event(), threading.Semaphore(0)

    def say() -> None:
        said.release()
        raise OperationalError("the database is away")

    beating = HeartbeatThread(owner=threading.main_thread(), stopping=stopping, say=say)
    beating.start()
    assert all(said.acquire(timeout=60) for _ in range(3))
    stopping.set()
    beating.join(60)
    assert not beating.is_alive()


def test_it_ends_with_the_thread_it_speaks_for(settings: Any) -> None:
    settings.HEARTBEAT_SECONDS = 0.01
    ending = threading.Event()
    owner = threading.Thread(target=ending.wait, daemon=True)
    owner.start()
    beating = HeartbeatThread(owner=owner, stopping=threading.Event(), say=lambda: None)
    beating.start()
    assert beating.is_alive()
    ending.set()
    beating.join(60)
    assert not beating.is_alive()
