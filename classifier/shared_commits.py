"""One commit for the writes of requests that come together: each waits for it, the disk is asked once for all.

A commit costs a flush of the disk, on SQLite one after the other: 400 a second where 32 uploads wait at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, connection

from classifier.write_transactions import write_transaction

Result = TypeVar("Result")
JOBS_A_COMMIT = 64

_mutex = threading.Lock()
_waiting: deque[_Job] = deque()
_is_led = False


class _Job:
    """One request's writes. Its thread sleeps on `_turn` until they are done or it is asked to lead."""

    __slots__ = ("_turn", "ended", "error", "result", "write")

    def __init__(self, write: Callable[[], Any]) -> None:
        self.write = write
        self.ended = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._turn = threading.Lock()
        self._turn.acquire()

    def sleep(self) -> None:
        self._turn.acquire()

    def wake(self) -> None:
        self._turn.release()


def commit_together(write: Callable[[], Result]) -> Result:
    """Run `write` in a transaction and return what it returned, once that is committed. Raises what it raised.

    The transaction may be shared with other threads' writes, and `write` may run in one of those threads. It may run
    a second time, after a rollback: when a neighbour's write failed, each gets a transaction of its own.
    """
    if connection.in_atomic_block:  # the caller's transaction decides when this is committed
        with write_transaction():
            return write()
    job = _Job(write)
    if not _enter(job):
        job.sleep()
    if not job.ended:
        _lead()
    if job.error is not None:
        raise job.error
    result: Result = job.result
    return result


def _enter(job: _Job) -> bool:
    """Queue the job; True when nobody leads, so that its thread has to."""
    global _is_led
    with _mutex:
        _waiting.append(job)
        leads, _is_led = not _is_led, True
        return leads


def _lead() -> None:
    """Commit what waits, this thread's own job among it, then let the next one that waits lead."""
    jobs: list[_Job] = []
    try:
        with write_transaction():
            jobs = _take()  # as late as possible: others join while this thread waits for its turn
            for job in jobs:
                job.result = job.write()
    except BaseException as problem:  # noqa: BLE001 - belongs to the threads whose writes these are, and is raised there
        jobs = jobs or _take()
        _answer_failure(jobs, problem)
    finally:
        _hand_over(jobs)


def _take() -> list[_Job]:
    """The first that wait. Whoever leads is the first of all, so its own job is among them."""
    with _mutex:
        return [_waiting.popleft() for _ in range(min(len(_waiting), JOBS_A_COMMIT))]


def _answer_failure(jobs: Sequence[_Job], problem: BaseException) -> None:
    # Of a lost connection nobody knows whether the commit happened; everything else was surely rolled back.
    rolled_back = isinstance(problem, IntegrityError) or not isinstance(problem, OperationalError | InterfaceError)
    if len(jobs) == 1 or not rolled_back:
        for job in jobs:
            job.error = problem
        return
    for job in jobs:
        try:
            with write_transaction():
                job.result = job.write()
        except Exception as own:  # noqa: BLE001 - as above
            job.error = own


def _hand_over(jobs: Sequence[_Job]) -> None:
    global _is_led  # noqa: PLW0603 - as above
    with _mutex:
        following = _waiting[0] if _waiting else None
        _is_led = following is not None
    if following is not None:
        following.wake()
    for job in jobs:
        job.ended = True
        job.wake()
