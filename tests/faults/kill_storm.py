"""Workers that are killed, stopped and paused again and again at random, while clients send pictures."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.history import History
from tests.stack import Stack

WAYS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
ALIVE = "from classifier.models import WorkerHeartbeat as B; result = list(B.objects.values_list('worker', flat=True))"
_LOOK_SECONDS = 0.1
_AHEAD = 100


class Phase(StrEnum):
    """Where a victim stands."""

    STARTING = "starting"
    WORKING = "working"
    PAUSED = "paused"
    ENDING = "ending"


@dataclass
class Victim:
    """One worker and what is left of its rounds."""

    name: str
    ways: list[signal.Signals]
    phase: Phase = Phase.STARTING
    due: float = 0.0


class KillStorm:
    """Each worker meets so many rounds, each a random while after it was first heard of."""

    def __init__(
        self, stack: Stack, names: tuple[str, ...], *, seed: int, rounds: int, seconds: tuple[float, float]
    ) -> None:
        self.stack = stack
        self._random = random.Random(seed)
        self._victims = [Victim(name, self._shuffle_ways(rounds)) for name in names]
        self._seconds = seconds
        self.met: dict[str, int] = {way.name: 0 for way in WAYS}
        self._rounds = rounds * len(names)

    def _shuffle_ways(self, rounds: int) -> list[signal.Signals]:
        ways = (list(WAYS) * rounds)[:rounds]
        self._random.shuffle(ways)
        return ways

    def share(self) -> float:
        """How much of the storm is over, from 0 to 1."""
        return sum(self.met.values()) / self._rounds

    def rage(self) -> None:
        """Returns once every round is over and every worker works again."""
        while any(victim.ways or victim.phase is not Phase.WORKING for victim in self._victims):
            alive = self.stack.query(ALIVE)
            for victim in self._victims:
                self._step(victim, alive)
            time.sleep(_LOOK_SECONDS)

    def _step(self, victim: Victim, alive: list[str]) -> None:
        process = self.stack.processes[victim.name]
        if process.poll() is not None:  # ended as it was told, or by its own watchdog
            self.stack.start_worker(victim.name)
            victim.phase = Phase.STARTING
        elif victim.phase is Phase.STARTING and any(f":{process.pid}:" in worker for worker in alive):
            victim.phase, victim.due = Phase.WORKING, self._later()
        elif victim.phase is Phase.WORKING and victim.ways and time.monotonic() > victim.due:
            self._strike(victim)
        elif victim.phase is Phase.PAUSED and time.monotonic() > victim.due:
            os.killpg(process.pid, signal.SIGCONT)
            victim.phase, victim.due = Phase.WORKING, self._later()

    def _strike(self, victim: Victim) -> None:
        way = victim.ways.pop()
        self.met[way.name] += 1
        victim.phase, victim.due = (Phase.PAUSED if way == signal.SIGSTOP else Phase.ENDING), self._later()
        self.stack.signal(victim.name, way)

    def _later(self) -> float:
        return time.monotonic() + self._random.uniform(*self._seconds)


class Senders:
    """Threads that send so many pictures, of 2 to 4 KB, under keys, each until it is taken; as `share` allows."""

    def __init__(
        self, stack: Stack, history: History, *, uploads: int, share: Callable[[], float], threads: int = 4
    ) -> None:
        self._stack = stack
        self._history = history
        self._share = share
        self._uploads = uploads
        self._seeds = iter(range(uploads))
        self._taking = threading.Lock()
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send_all(self) -> None:
        with self._stack.client() as client:
            client.get("/api/v1/images")  # the visitor cookie: retries come from the same visitor
            while (seed := self._next()) is not None:
                while self._history.send(client, seed, key=f"k{seed}", side=48) != 201:
                    time.sleep(0.2)

    def _next(self) -> int | None:
        with self._taking:
            seed = next(self._seeds, None)
        while seed is not None and seed > self._uploads * self._share() + _AHEAD:
            time.sleep(0.02)
        return seed
