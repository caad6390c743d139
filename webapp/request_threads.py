"""The bounded set of threads that run Django for the HTTP bridge. Knows callables, not HTTP.

Lighter than `loop.run_in_executor`: one future a job, and one wake-up of the loop for all jobs that ended meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from django.db import close_old_connections

Result = TypeVar("Result")


class WaitedTooLongError(Exception):
    """No thread had time for this job while somebody would still have waited for it. It was not run."""


class _Job:
    __slots__ = ("error", "function", "future", "on_orphan", "result", "stale_at")

    def __init__(
        self,
        function: Callable[[], Any],
        future: asyncio.Future[Any],
        on_orphan: Callable[[], object] | None,
        stale_at: float = math.inf,
    ) -> None:
        self.function = function
        self.future = future
        self.on_orphan = on_orphan
        self.stale_at = stale_at
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        if self.future.cancelled():
            return
        if time.monotonic() >= self.stale_at:
            self.error = WaitedTooLongError()
            return
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the one who awaits the job
            self.error = error

    def settle(self) -> bool:
        """Hand the outcome to the future; False when nobody waits for it any more."""
        if self.future.done():
            return False
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)
        return True


class RequestThreads:
    """At most `threads` daemon threads, started as they are needed; jobs start in the order they came.

    Belongs to one event loop: all methods are called on it. The threads live as long as the process, so what they keep
    per thread (database connections) lives too.
    """

    def __init__(self, threads: int, *, max_waiting: int) -> None:
        self._max_threads = threads
        self._max_in_flight = threads + max_waiting
        self._in_flight = 0
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._ended: deque[_Job] = deque()
        self._wake_pending = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def has_room(self) -> bool:
        """Whether one more request may queue. A job of a request already let in is never turned away."""
        return self._in_flight < self._max_in_flight

    async def run(
        self,
        function: Callable[[], Result],
        *,
        on_orphan: Callable[[], object] | None = None,
        patience_seconds: float = math.inf,
    ) -> Result:
        """Run `function` in a thread and return what it returns.

        `on_orphan` is called in a thread instead when the awaiting task was cancelled: the place to close what the
        function opened. A job that had not started by then is not run at all. Raises WaitedTooLongError instead of
        running one that waited longer than `patience_seconds`.
        """
        loop = self._loop = asyncio.get_running_loop()
        job = _Job(function, loop.create_future(), on_orphan, time.monotonic() + patience_seconds)
        self._submit(job)
        result: Result = await job.future
        return result

    def _submit(self, job: _Job) -> None:
        self._in_flight += 1
        if self._in_flight > len(self._threads) and len(self._threads) < self._max_threads:
            thread = threading.Thread(target=self._work, name=f"request-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)

    def close(self) -> None:
        """Let every thread end after the jobs already queued. Nothing may be run afterwards."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            self._ended.append(job)
            del job  # an idle thread must not keep the last request's body and answer alive
            if not self._wake_pending:
                self._wake_pending = True
                self._wake_loop()

    def _wake_loop(self) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._settle_ended)
        except RuntimeError:  # the loop is closed: the process is ending and nobody waits
            self._wake_pending = False
            while self._ended:
                orphan = self._ended.popleft()
                if orphan.on_orphan is not None:
                    orphan.on_orphan()

    def _settle_ended(self) -> None:
        # The flag falls before the queue is emptied: a job that ends in between asks for one wake-up too many, never
        # for one too few.
        self._wake_pending = False
        while self._ended:
            job = self._ended.popleft()
            self._in_flight -= 1
            if not job.settle() and job.on_orphan is not None:
                assert self._loop is not None
                self._submit(_Job(job.on_orphan, self._loop.create_future(), None))


def run_with_fresh_connections(function: Callable[[], Result]) -> Result:
    """Call ORM code outside a request: drop connections that are too old or broken before and after, as requests do."""
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()
