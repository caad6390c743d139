"""Counting in Redis: all or nothing, in one round trip, and never in the way of a request."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import redis

from classifier.limit_settings import LimitSettings, read_limits
from classifier.request_counters import Counter, RequestCounters, Verdict
from tests.private_redis import counting_redis, redis_process  # noqa: F401 - fixtures, used by their names

LIMITS = read_limits(production=False)
NOBODY = "redis://127.0.0.1:1/3"


def counter(*, key: str = "k", cost: int = 1, limit: int = 3, seconds: int = 60) -> Counter:
    return Counter(key, cost, limit, seconds)


def limits(*, timeout: float = 0.2, pause: float = 60.0) -> LimitSettings:
    return replace(LIMITS, timeout_seconds=timeout, pause_seconds=pause)


@pytest.fixture
def counters(counting_redis: str) -> RequestCounters:  # noqa: F811 - the fixture imported above
    return RequestCounters(counting_redis, limits(timeout=60))


def take(counters: RequestCounters, *asked: Counter) -> Verdict:
    verdict = counters.take(asked)
    assert verdict is not None
    return verdict


def test_it_counts_up_to_the_limit_and_then_refuses(counters: RequestCounters) -> None:
    verdicts = [take(counters, counter()) for _ in range(4)]
    assert [verdict.is_allowed for verdict in verdicts] == [True, True, True, False]
    assert [verdict.levels[0].used for verdict in verdicts] == [1, 2, 3, 3]
    assert [verdict.levels[0].remaining for verdict in verdicts] == [2, 1, 0, 0]
    assert verdicts[-1].levels[0].is_full


def test_a_refused_request_costs_nothing_on_any_counter(counters: RequestCounters) -> None:
    wide, narrow = counter(key="wide", cost=5, limit=100), counter(key="narrow", cost=5, limit=6)
    take(counters, wide, narrow)
    refused = take(counters, wide, narrow)
    assert [level.used for level in refused.levels] == [5, 5]
    assert [level.is_full for level in refused.levels] == [False, True]
    assert take(counters, wide).levels[0].used == 10


def test_the_window_begins_with_its_first_request(counters: RequestCounters) -> None:
    first = take(counters, counter(seconds=60)).levels[0]
    assert first.resets_in_seconds == 60
    assert 0 < take(counters, counter(seconds=60)).levels[0].resets_in_seconds <= 60


def test_a_full_counter_is_empty_after_its_window(counters: RequestCounters, counting_redis: str) -> None:  # noqa: F811
    take(counters, counter(cost=3))
    assert not take(counters, counter()).is_allowed
    with redis.Redis.from_url(counting_redis) as client:
        assert 0 < client.pttl("k") <= 60_000
        client.pexpire("k", 1)
        while client.exists("k"):
            pass
    assert take(counters, counter()).levels[0].used == 1


def test_more_than_the_whole_limit_at_once_leaves_no_trace(counters: RequestCounters, counting_redis: str) -> None:  # noqa: F811
    assert not take(counters, counter(cost=4)).is_allowed
    with redis.Redis.from_url(counting_redis) as client:
        assert client.dbsize() == 0


def test_all_counters_of_a_request_cost_one_round_trip(counters: RequestCounters, counting_redis: str) -> None:  # noqa: F811
    asked = [counter(key=str(number), limit=1000) for number in range(8)]
    take(counters, *asked)  # connects and brings the script
    with redis.Redis.from_url(counting_redis) as client:
        before = _commands(client)
        for _ in range(20):
            take(counters, *asked)
        assert _commands(client) - before == 20


def _commands(client: redis.Redis) -> int:
    statistics: Any = client.info("commandstats")
    return int(statistics["cmdstat_evalsha"]["calls"])


def test_threads_at_once_never_take_more_than_the_limit(counters: RequestCounters) -> None:
    allowed: list[bool] = []

    def ask() -> None:
        allowed.extend(take(counters, counter(limit=50)).is_allowed for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (allowed.count(True), allowed.count(False)) == (50, 110)


def test_a_redis_that_is_away_lets_everybody_through_and_is_left_alone_for_a_while() -> None:
    counters = RequestCounters(NOBODY, limits())
    assert [counters.take([counter()]) for _ in range(5)] == [None] * 5
    assert counters.failures == 1


@contextmanager
def mute_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/3"


def test_a_mute_redis_costs_one_timeout_and_then_nothing() -> None:
    with mute_server() as url:
        counters = RequestCounters(url, limits(timeout=0.1, pause=600))
        begun = time.monotonic()
        assert counters.take([counter()]) is None
        waited = time.monotonic()
        assert all(counters.take([counter()]) is None for _ in range(1000))
        assert 0.05 < waited - begun < 30
        assert counters.failures == 1


def test_after_the_pause_one_request_tries_and_the_others_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = RequestCounters(NOBODY, limits(pause=1e-9))
    assert counters.take([counter()]) is None
    is_trying, may_end = threading.Event(), threading.Event()

    def ask_slowly(keys: list[str], args: list[int]) -> list[int]:
        is_trying.set()
        assert may_end.wait(60)
        return [1, 7, 60_000]

    monkeypatch.setattr(counters, "_script", ask_slowly)
    found: list[Verdict | None] = []
    probe = threading.Thread(target=lambda: found.append(counters.take([counter()])))
    probe.start()
    assert is_trying.wait(60)
    assert counters.take([counter()]) is None
    assert not found
    may_end.set()
    probe.join()
    assert found[0] is not None
    assert take(counters, counter()).levels[0].used == 7  # one that came back heals for all


def test_it_counts_again_when_redis_is_back(
    redis_process: tuple[str, subprocess.Popen[bytes]],  # noqa: F811
    counting_redis: str,  # noqa: F811
) -> None:
    counters = RequestCounters(counting_redis, limits(timeout=1, pause=0.001))
    take(counters, counter())
    redis_process[1].send_signal(signal.SIGSTOP)
    try:
        assert counters.take([counter()]) is None
    finally:
        redis_process[1].send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 60
    while (verdict := counters.take([counter(key="after")])) is None:
        assert time.monotonic() < deadline
    assert verdict.levels[0].used == 1
