"""Sorting more texts than should be held in memory: sorted runs in temporary files, merged while they are read."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import IO, Final

RUN: Final = 50_000
"""Texts in memory at once: about 10 MB of paths."""


def sort_on_disk(texts: Iterator[str], *, run: int = RUN) -> Iterator[str]:
    """The same texts in order. Up to `run` of them never touch the disk."""
    first = sorted(islice(texts, run))
    if len(first) < run:
        yield from first
        return
    with ExitStack() as files:
        runs = [_write_run(first, files)]
        while part := sorted(islice(texts, run)):
            runs.append(_write_run(part, files))
        yield from heapq.merge(*(_read_run(file) for file in runs))


def _write_run(texts: list[str], files: ExitStack) -> IO[str]:
    # As JSON: a name may hold a line break, or bytes that are no text.
    file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 - stays open until all runs are merged
    files.enter_context(file)
    file.writelines(f"{json.dumps(text)}\n" for text in texts)
    file.seek(0)
    return file


def _read_run(file: IO[str]) -> Iterator[str]:
    for line in file:
        text: str = json.loads(line)
        yield text
