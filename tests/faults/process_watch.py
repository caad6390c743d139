"""What a process of the stack takes while a test goes on: memory at its highest, open files at their most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Watched:
    """`megabytes` counts the process alone, without the decoders that it starts."""

    megabytes: float = 0.0
    open_files: int = 0
    samples: list[tuple[float, int]] = field(default_factory=list)


def resident_megabytes(process_id: int) -> float:
    """What the process holds in memory now."""
    lines = Path(f"/proc/{process_id}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS")), 0.0)


@contextmanager
def watching(process_id: int, sample: Callable[[], int] | None = None) -> Iterator[Watched]:
    """Looks four times a second; `sample` is asked once a second for a number to keep with its moment."""
    watched, ended = Watched(), threading.Event()

    def look() -> None:
        next_sample = time.monotonic()
        while not ended.wait(0.25):
            watched.megabytes = max(watched.megabytes, resident_megabytes(process_id))
            watched.open_files = max(watched.open_files, sum(1 for _ in Path(f"/proc/{process_id}/fd").iterdir()))
            if sample is not None and time.monotonic() >= next_sample:
                watched.samples.append((time.monotonic(), sample()))
                next_sample = time.monotonic() + 1.0

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        ended.set()
        thread.join()
