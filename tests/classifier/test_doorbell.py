"""The doorbell: a ring never blocks, never raises, and a queue without a worker does not grow."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from classifier import doorbell as doorbell_module
from classifier.doorbell import MAX_WAITING_RINGS, QUEUE, TASK_NAME, Doorbell, ring_after_commit, ring_by_name


class FakeBroker:
    """Stands where Redis would: counts connections and keeps what was sent."""

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.connections = 0
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.broken = False
        self.default_channel = self
        self.client = self

    def connect(self) -> FakeBroker:
        self.connections += 1
        if self.broken:
            raise OSError("no Redis here")
        return self

    def llen(self, queue: str) -> int:
        assert queue == QUEUE
        return self.waiting

    def Producer(self) -> FakeBroker:
        return self

    def __enter__(self) -> FakeBroker:
        return self

    def __exit__(self, *problem: object) -> None:
        return

    def send_task(self, name: str, **options: Any) -> None:
        self.sent.append((name, options))


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    fake = FakeBroker()
    monkeypatch.setattr(doorbell_module, "current_app", fake)
    return fake


@pytest.fixture
def bell(broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> Doorbell:
    made = Doorbell()
    monkeypatch.setattr(made, "connect", broker.connect)
    return made


def wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "did not happen within a minute"
        time.sleep(0.002)


def test_a_ring_sends_the_drain_task_to_the_gpu_queue_without_retries(bell: Doorbell, broker: FakeBroker) -> None:
    bell.ring()
    wait_until(lambda: bell.rings == 1)
    [(name, options)] = broker.sent
    assert (name, options["queue"], options["retry"]) == (TASK_NAME, "gpu", False)


def test_many_rings_become_few_messages(bell: Doorbell, broker: FakeBroker, settings: Any) -> None:
    settings.DOORBELL_INTERVAL_SECONDS = 0.05
    started = time.monotonic()
    while time.monotonic() < started + 0.3:
        bell.ring()
    wait_until(lambda: bell.rings >= 1)
    assert 1 <= len(broker.sent) <= (time.monotonic() - started) / 0.05 + 2
    assert broker.connections == 1


def test_a_ring_after_a_pause_is_heard_again(bell: Doorbell) -> None:
    bell.ring()
    wait_until(lambda: bell.rings == 1)
    bell.ring()
    wait_until(lambda: bell.rings == 2)


def test_a_process_that_ends_can_wait_for_its_ring(bell: Doorbell, broker: FakeBroker, settings: Any) -> None:
    settings.DOORBELL_INTERVAL_SECONDS = 0.05
    assert bell.wait_until_rung(0)
    bell.ring()
    assert bell.wait_until_rung(60)
    assert bell.rings == 1
    may_ring = threading.Event()
    broker.llen = lambda queue: 0 if may_ring.wait(60) else MAX_WAITING_RINGS  # type: ignore[method-assign]
    bell.ring()
    assert not bell.wait_until_rung(0)
    may_ring.set()
    assert bell.wait_until_rung(60)
    assert bell.rings == 2


def test_waiting_for_a_ring_that_nobody_hears_ends_too(bell: Doorbell, broker: FakeBroker) -> None:
    broker.broken = True
    bell.ring()
    assert bell.wait_until_rung(60)
    assert bell.failures == 1


def test_a_queue_without_a_worker_does_not_grow(bell: Doorbell, broker: FakeBroker) -> None:
    broker.waiting = MAX_WAITING_RINGS
    looked = threading.Event()
    broker.llen = lambda queue: looked.set() or MAX_WAITING_RINGS  # type: ignore[method-assign,func-returns-value]
    bell.ring()
    assert looked.wait(60)
    assert broker.sent == []


def test_a_dead_broker_is_counted_and_the_next_ring_tries_afresh(bell: Doorbell, broker: FakeBroker) -> None:
    broker.broken = True
    bell.ring()
    wait_until(lambda: bell.failures == 1)
    broker.broken = False
    bell.ring()
    wait_until(lambda: bell.rings == 1)
    assert broker.connections == 2


def test_ringing_a_real_address_without_a_server_takes_no_time(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    bell = Doorbell()
    started = time.thread_time()  # of this thread alone: others may have the processor meanwhile
    for _ in range(1000):
        bell.ring()
    assert time.thread_time() - started < 0.5
    wait_until(lambda: bell.failures >= 1)


class PoorRedis(threading.Thread):
    """Takes any connection, and is mute or answers everything with PONG."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"
        self.answer = answer

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            while client.recv(4096):
                client.sendall(self.answer)


def count_sockets() -> int:
    """This process' open sockets, both ends of those to the Redis above."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed since it was listed
            found += str(descriptor.readlink()).startswith("socket:")
    return found


@pytest.mark.parametrize("answer", [b"", b"+PONG\r\n"])
def test_failed_rings_leave_no_sockets_behind_for_the_garbage_collector(answer: bytes, settings: Any) -> None:
    redis = PoorRedis(answer)
    redis.start()
    settings.CELERY_BROKER_URL = redis.address
    settings.DOORBELL_TIMEOUT_SECONDS = 0.05
    bell = Doorbell()
    gc.disable()
    try:
        bell._publish()
        before = count_sockets()
        for _ in range(10):
            bell._publish()
        assert bell.failures == 11
        wait_until(lambda: count_sockets() < before + 5)
    finally:
        gc.enable()
        redis.listener.close()


def test_a_forked_process_rings_with_a_thread_of_its_own(
    bell: Doorbell, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell.ring()
    wait_until(lambda: bell.rings == 1)
    monkeypatch.setattr("classifier.doorbell.os.getpid", lambda: 1)
    bell.ring()
    wait_until(lambda: bell.rings >= 2)
    assert broker.connections >= 2


@pytest.mark.django_db
def test_it_rings_after_the_commit_only(
    rings: list[str], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        ring_after_commit()
        assert rings == []
    assert rings == ["ring"]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_does_not_ring(rings: list[str]) -> None:
    with transaction.atomic():
        ring_after_commit()
        transaction.set_rollback(True)
    assert rings == []


def test_another_task_is_sent_by_its_name_with_json_arguments(
    broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell_module.doorbell, "connect", broker.connect)
    ring_by_name("tasks.housekeeping.repredict", ["5"])
    wait_until(lambda: bool(broker.sent))
    [(name, options)] = broker.sent
    assert (name, options["args"], options["queue"]) == ("tasks.housekeeping.repredict", ["5"], "default")


def test_another_task_is_given_up_when_the_broker_is_dead(broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    before = doorbell_module.doorbell.failures
    broker.broken = True
    monkeypatch.setattr(doorbell_module.doorbell, "connect", broker.connect)
    ring_by_name("tasks.housekeeping.repredict", ["5"])
    wait_until(lambda: doorbell_module.doorbell.failures == before + 1)
