"""What a soak looks at again and again, and whether it grew: memory, open files, Redis, database connections."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median

import psycopg
import redis

from tests.stack import Stack

WATCHED = ("web", "worker", "default")
SLOPE_LIMIT = 5.0  # MB an hour
WARM_UP_SECONDS = 3600.0
ALLOWED_DRIFT = 5.0

Sample = dict[str, float]


class Sampler(threading.Thread):
    """Takes a sample every few seconds until it is told to stop, and writes each into the stack's `samples.jsonl`.

    What cannot be asked just now is left out.
    """

    def __init__(self, stack: Stack, *, pause_seconds: float) -> None:
        super().__init__(name="sampler", daemon=True)
        self.samples: list[tuple[float, Sample]] = []
        self._stack = stack
        self._pause_seconds = pause_seconds
        self._stopping = threading.Event()

    def run(self) -> None:
        with (self._stack.folder / "samples.jsonl").open("w", encoding="utf-8", buffering=1) as file:
            while not self._stopping.wait(self._pause_seconds):
                self.samples.append((time.monotonic(), take_sample(self._stack)))
                file.write(json.dumps(self.samples[-1]) + "\n")

    def finish(self) -> None:
        self._stopping.set()
        self.join()


def take_sample(stack: Stack) -> Sample:
    """All figures of this moment, by name."""
    sample: Sample = {}
    for name in WATCHED:
        folder = Path(f"/proc/{stack.processes[name].pid}")
        sample[f"{name}: memory, MB"] = int((folder / "statm").read_text().split()[1]) * 4096 / 1e6
        sample[f"{name}: open files"] = sum(1 for _ in (folder / "fd").iterdir())
    sample.update(_ask_redis(stack))
    sample.update(_ask_database(stack))
    return sample


def _ask_redis(stack: Stack) -> Sample:
    try:
        with redis.Redis(port=stack.redis_port, socket_timeout=2) as server:
            keys = sum(part["keys"] for part in server.info("keyspace").values())
            return {"Redis: clients": server.info("clients")["connected_clients"] - 1, "Redis: keys": keys}
    except redis.RedisError:
        return {}


def _ask_database(stack: Stack) -> Sample:
    """Our own question is a connection too; it is not counted."""
    address = stack.environment["DATABASE_URL"]
    if not address.startswith("postgres"):
        return {}
    with psycopg.connect(address) as connection:
        found = connection.execute(
            "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    return {"database: connections": found[0] if found else 0}


@dataclass(frozen=True, slots=True)
class Course:
    """One figure over the part of the run that counts."""

    name: str
    first: float  # median of the first third
    last: float  # median of the last third
    per_hour: float
    hours: float

    @property
    def is_flat(self) -> bool:
        """Memory may grow by the limit an hour, and in less than an hour by as much; all else does not grow."""
        if self.name.endswith("MB"):
            return self.per_hour * self.hours <= SLOPE_LIMIT * max(1.0, self.hours)
        return self.last - self.first <= ALLOWED_DRIFT


@dataclass
class Verdict:
    """What the samples say together."""

    courses: list[Course] = field(default_factory=list)

    @property
    def grown(self) -> list[str]:
        """The figures that did not hold."""
        return [course.name for course in self.courses if not course.is_flat]


def judge(samples: Sequence[tuple[float, Sample]]) -> Verdict:
    """Leaves out the first hour, or the first third of a run that is shorter than three."""
    started, ended = samples[0][0], samples[-1][0]
    counted_from = started + min(WARM_UP_SECONDS, (ended - started) / 3)
    counted = [(at, sample) for at, sample in samples if at >= counted_from]
    names = {name: None for _, sample in counted for name in sample}
    return Verdict([_course(name, counted) for name in names])


def _course(name: str, samples: Sequence[tuple[float, Sample]]) -> Course:
    points = [(at, sample[name]) for at, sample in samples if name in sample]
    times, values = [at / 3600 for at, _ in points], [value for _, value in points]
    third = max(1, len(points) // 3)
    slope = linear_regression(times, values).slope if len(points) > 1 else 0.0
    return Course(name, median(values[:third]), median(values[-third:]), slope, times[-1] - times[0])
