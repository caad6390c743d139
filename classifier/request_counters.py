"""Counts what callers ask for, in Redis: all counters of a request in one round trip, and never in its way.

A Redis that is away or mute means that nothing is counted and nothing refused for a while.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from classifier.limit_settings import LimitSettings

logger = structlog.get_logger(__name__)

# All or nothing: where one counter is full, none of them grows, so a refused request costs its caller nothing. A window
# begins with its first request and ends by the key's own expiry.
_SCRIPT: Final = """
local used, allowed = {}, 1
for i = 1, #KEYS do
  used[i] = tonumber(redis.call('GET', KEYS[i]) or '0')
  if used[i] + tonumber(ARGV[3 * i - 2]) > tonumber(ARGV[3 * i - 1]) then allowed = 0 end
end
local answer = {allowed}
for i = 1, #KEYS do
  local window = tonumber(ARGV[3 * i])
  if allowed == 1 then used[i] = redis.call('INCRBY', KEYS[i], ARGV[3 * i - 2]) end
  local left = redis.call('PTTL', KEYS[i])
  if left < 0 then
    left = window
    if allowed == 1 then redis.call('PEXPIRE', KEYS[i], window) end
  end
  answer[2 * i], answer[2 * i + 1] = used[i], left
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Counter:
    """`cost` of this request on what `key` has used of `limit` within a window of `seconds`."""

    key: str
    cost: int
    limit: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Level:
    """How far a counter is now; without the request's own cost where it was refused."""

    counter: Counter
    used: int
    resets_in_seconds: int

    @property
    def is_full(self) -> bool:
        """Whether this counter is why a refused request was refused."""
        return self.used + self.counter.cost > self.counter.limit

    @property
    def remaining(self) -> int:
        """What is left in this window."""
        return max(0, self.counter.limit - self.used)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the request may go on, and the counters in their order."""

    is_allowed: bool
    levels: Sequence[Level]


class RequestCounters:
    """One a process; may be asked from any thread."""

    def __init__(self, url: str, limits: LimitSettings) -> None:
        self._pause_seconds = limits.pause_seconds
        self._paused_until = 0.0
        self._is_broken = False
        self._probe = threading.Lock()
        self.failures = 0
        client = redis.Redis.from_url(
            url,
            socket_timeout=limits.timeout_seconds,
            socket_connect_timeout=limits.timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = client.register_script(_SCRIPT)

    def take(self, counters: Sequence[Counter]) -> Verdict | None:
        """Count the request, or refuse it without counting it. None: not counted, as Redis is away."""
        if time.monotonic() < self._paused_until:
            return None
        if not self._is_broken:
            return self._ask(counters)
        # After a pause one request tries; the others do not wait for it.
        if not self._probe.acquire(blocking=False):
            return None
        try:
            return self._ask(counters)
        finally:
            self._probe.release()

    def _ask(self, counters: Sequence[Counter]) -> Verdict | None:
        values = [value for each in counters for value in (each.cost, each.limit, each.seconds * 1000)]
        try:
            answer = cast(list[int], self._script(keys=[each.key for each in counters], args=values))
        except (redis.RedisError, OSError) as problem:
            self._pause(problem)
            return None
        self._is_broken = False
        pairs = zip(answer[1::2], answer[2::2], strict=True)
        levels = [
            Level(counter, used, max(1, math.ceil(left / 1000)))
            for counter, (used, left) in zip(counters, pairs, strict=True)
        ]
        return Verdict(bool(answer[0]), levels)

    def _pause(self, problem: Exception) -> None:
        self._is_broken = True
        self._paused_until = time.monotonic() + self._pause_seconds
        self.failures += 1
        logger.warning("requests_not_counted", error=repr(problem), pause_seconds=self._pause_seconds)


@lru_cache(maxsize=1)
def _counters(url: str, limits: LimitSettings) -> RequestCounters:
    return RequestCounters(url, limits)


def request_counters() -> RequestCounters:
    """This process's, made at the first need."""
    options: Any = settings
    return _counters(options.LIMIT_REDIS_URL, options.LIMITS)
