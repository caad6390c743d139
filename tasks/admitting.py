"""Many files of a source through the upload gate, in order: by threads, or by processes where that is faster.

Small pictures on two free cores: 1,935/s by two threads, 2,325/s by two processes after a start of 0.5 s. Threads stay
near that on any machine, since half of the gate's work holds the interpreter's lock; processes grow with the cores.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Final

from django.conf import settings

from classifier.admitting_process import admit_handful, prepare_process
from classifier.dataset_archives import UnreadableFileError
from classifier.dataset_layouts import PictureFile, RejectedFile
from classifier.dataset_sources import PictureSource
from classifier.errors import Refused
from classifier.image_gate import AcceptedPicture, admit_picture

WORTH_PROCESSES: Final = 4_000
"""With fewer files the processes' start costs what they win."""
FEWEST_CORES: Final = 4
"""With fewer, what processes win is not worth what the site's other work loses."""
MOST_PROCESSES: Final = 8
_FILES_AT_ONCE: Final = 32
_BYTES_AT_ONCE: Final = 8_000_000
_WAITING: Final = 256

Admitted = AcceptedPicture | RejectedFile
Read = bytes | RejectedFile


def admit_all(source: PictureSource, files: Sequence[PictureFile]) -> Iterator[tuple[PictureFile, Admitted]]:
    """In the order of the files, with a bounded number in flight. Raises StorageUnavailable."""
    cores = count_cores()
    if len(files) < WORTH_PROCESSES or cores < FEWEST_CORES:
        yield from _admit_by_threads(source, files)
    else:
        yield from _admit_by_processes(source, files, min(cores - 1, MOST_PROCESSES))


def count_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _admit_by_threads(source: PictureSource, files: Sequence[PictureFile]) -> Iterator[tuple[PictureFile, Admitted]]:
    """One thread for each decode child, since the gate may hand a large picture on to one."""
    remaining = iter(files)
    waiting: deque[tuple[PictureFile, Future[Admitted]]] = deque()
    executor = ThreadPoolExecutor(settings.DECODE_CHILDREN, thread_name_prefix="import")
    with _closed_at_once(executor):
        while True:
            for file in islice(remaining, _WAITING - len(waiting)):
                waiting.append((file, executor.submit(_read_and_admit, source, file.name)))
            if not waiting:
                return
            file, future = waiting.popleft()
            yield file, future.result()


def _admit_by_processes(
    source: PictureSource, files: Sequence[PictureFile], processes: int
) -> Iterator[tuple[PictureFile, Admitted]]:
    """Bytes go out and pictures come back by the handful; this process reads, so that a source may be anything."""
    remaining = iter(files)
    waiting: deque[tuple[list[tuple[PictureFile, Read]], Future[list[AcceptedPicture | str | None]]]] = deque()
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(processes, mp_context=context, initializer=prepare_process)
    with _closed_at_once(executor):
        while True:
            while len(waiting) < 3 * processes and (handful := _read_handful(source, remaining)):
                sent = [read for _, read in handful if isinstance(read, bytes)]
                waiting.append((handful, executor.submit(admit_handful, sent)))
            if not waiting:
                return
            handful, future = waiting.popleft()
            answers = iter(future.result())
            for file, read in handful:
                yield file, _conclude(file, read, answers)


def _read_handful(source: PictureSource, files: Iterator[PictureFile]) -> list[tuple[PictureFile, Read]]:
    handful: list[tuple[PictureFile, Read]] = []
    size_bytes = 0
    for file in files:
        read = _read(source, file.name)
        handful.append((file, read))
        size_bytes += len(read) if isinstance(read, bytes) else 0
        if len(handful) == _FILES_AT_ONCE or size_bytes >= _BYTES_AT_ONCE:
            break
    return handful


def _conclude(file: PictureFile, read: Read, answers: Iterator[AcceptedPicture | str | None]) -> Admitted:
    if isinstance(read, RejectedFile):
        return read
    answer = next(answers)
    if isinstance(answer, str):
        return RejectedFile(file.name, answer)
    return _admit(file.name, read) if answer is None else answer


def _read_and_admit(source: PictureSource, name: str) -> Admitted:
    read = _read(source, name)
    return _admit(name, read) if isinstance(read, bytes) else read


def _read(source: PictureSource, name: str) -> Read:
    try:
        return source.read(name, settings.UPLOAD_MAX_BYTES)
    except UnreadableFileError as problem:
        return RejectedFile(name, str(problem))


def _admit(name: str, data: bytes) -> Admitted:
    try:
        return admit_picture(data)
    except Refused as refusal:
        return RejectedFile(name, refusal.message)


@contextmanager
def _closed_at_once(executor: Executor) -> Iterator[None]:
    """Whoever stops in the middle waits for what is in hand only."""
    try:
        yield
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
