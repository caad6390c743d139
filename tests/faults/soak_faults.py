"""What breaks during a soak, one thing at a time, drawn with a seed: a worker, Redis, or the store of objects."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tests.faults.fault_proxy import Fault, FaultProxy
from tests.faults.http_fault_proxy import HttpFault, HttpFaultProxy
from tests.stack import Stack

LONGEST_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 180.0


@dataclass
class Breaker:
    """Breaks and mends; `met` counts what has happened; `found_dead` are parts that were gone already."""

    stack: Stack
    redis: FaultProxy
    store: HttpFaultProxy
    chance: random.Random
    met: Counter[str] = field(default_factory=Counter)
    found_dead: list[str] = field(default_factory=list)

    def break_until(self, ends: float) -> None:
        """Fault after fault with pauses between, until the time has come; everything is whole at the end."""
        faults: dict[str, Callable[[float], None]] = {
            "T1 worker killed": self._kill_worker,
            "T4 Redis killed": self._kill_redis,
            "T6 Redis mute": lambda seconds: _last(self.redis.meeting(Fault(mute=True)), seconds),
            "T6 Redis slow": lambda seconds: _last(self.redis.meeting(Fault(delay_seconds=2)), seconds),
            "T12 store failing": lambda seconds: _last(self.store.meeting(HttpFault(status=503)), seconds),
            "T12 store failing at times": lambda seconds: _last(
                self.store.meeting(HttpFault(status=503, share=0.3)), seconds
            ),
            "T12 store mute": lambda seconds: _last(self.store.meeting(Fault(mute=True)), seconds),
        }
        while True:
            pause = self.chance.uniform(LONGEST_PAUSE_SECONDS / 6, LONGEST_PAUSE_SECONDS)
            name = self.chance.choice(sorted(faults))
            seconds = self.chance.uniform(1, LONGEST_SECONDS)
            if time.monotonic() + pause + seconds > ends:
                time.sleep(max(0.0, ends - time.monotonic()))
                return
            time.sleep(pause)
            faults[name](seconds)
            self.met[name] += 1

    def _kill_worker(self, seconds: float) -> None:
        """The second one: the memory of the first is watched."""
        if self.stack.processes["second"].poll() is not None:
            self.found_dead.append("second")
        self.stack.kill("second")
        time.sleep(seconds)
        self.stack.start_worker("second")

    def _kill_redis(self, seconds: float) -> None:
        self.stack.kill("redis")
        time.sleep(seconds)
        self.stack.start_redis()


def _last(fault: AbstractContextManager[None], seconds: float) -> None:
    with fault:
        time.sleep(seconds)
