"""Sums kept by this process since it started: outcomes, batches, seconds by stage. They travel in the heartbeat row."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Counters:
    """Only ever grows; written by the drain thread alone."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()

    def add(self, name: str, amount: float = 1) -> None:
        """Add to one sum, such as `predictions.done` or `batches`."""
        self._sums[name] += amount  # type: ignore[assignment] # Counter adds floats as well

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds spent inside to `stage.<name>`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(f"stage.{stage}", time.perf_counter() - started)

    def snapshot(self) -> dict[str, float]:
        """All sums, rounded for storage."""
        return {name: round(value, 4) for name, value in self._sums.items()}


counters = Counters()
