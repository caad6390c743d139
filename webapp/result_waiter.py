"""Lets many requests wait for results together: one question to the database for all of them, and no thread held.

One per process. It asks while somebody waits and is silent otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from webapp.request_threads import run_with_fresh_connections

logger = logging.getLogger(__name__)

FindDone = Callable[[set[str]], set[str]]
MAX_PAUSE_SECONDS = 2.0
NOTIFIED_PACE = 5
"""A push may shorten the pause between two questions to this part of it: many pushes must not become many questions."""


@dataclass(slots=True)
class WaitHolder:
    """Where a view says, under `environ["whatsit.wait"]`, that its answer should be rendered again later.

    The bridge holds no thread while it waits for `image_ids`, at most `seconds`; then `render` makes the new body.
    Status and headers stay those of the first answer, which is sent as it is when nothing can be rendered.
    """

    image_ids: list[str] = field(default_factory=list)
    seconds: float = 0.0
    render: Callable[[], bytes] | None = None


class ResultWaiter:
    """Wakes those who wait for images. `find_done` is ORM code: it gets ids and returns those that are done."""

    def __init__(self, find_done: FindDone, poll_seconds: float) -> None:
        self._find_done = find_done
        self._poll_seconds = poll_seconds
        self._waiting: dict[asyncio.Future[bool], set[str]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._notified: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="result-waiter")

    @property
    def waiting(self) -> int:
        """How many requests wait just now."""
        return len(self._waiting)

    async def wait(self, image_ids: Collection[str], seconds: float) -> bool:
        """Return True as soon as all the images are done, False after `seconds` or when the process is ending."""
        if not image_ids or seconds <= 0 or self._closing:
            return not image_ids
        self._loop = asyncio.get_running_loop()
        answered: asyncio.Future[bool] = self._loop.create_future()
        self._waiting[answered] = set(image_ids)
        self._start_polling()
        try:
            async with asyncio.timeout(seconds):
                return await answered
        except TimeoutError:
            return False
        finally:
            del self._waiting[answered]

    def notify(self, image_ids: Collection[str]) -> None:
        """A hint, from any thread, that these have changed: if somebody waits for one of them, ask now."""
        self._call_on_loop(lambda: self._take_hint(image_ids))

    def release_all(self) -> None:
        """From any thread: end every wait, now and from now on. For the beginning of a graceful shutdown."""
        self._closing = True
        self._call_on_loop(self._end_waits)

    def _call_on_loop(self, function: Callable[[], None]) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(function)

    def _take_hint(self, image_ids: Collection[str]) -> None:
        wanted = set(image_ids)
        if self._notified is not None and any(not ids.isdisjoint(wanted) for ids in self._waiting.values()):
            self._notified.set()

    def _end_waits(self) -> None:
        for answered in self._waiting:
            if not answered.done():
                answered.set_result(False)

    def _start_polling(self) -> None:
        if self._poller is None or self._poller.done():
            self._notified = asyncio.Event()
            self._poller = asyncio.create_task(self._poll(self._notified), name="result-waiter")

    async def _poll(self, notified: asyncio.Event) -> None:
        pause_seconds = self._poll_seconds
        while self._waiting:
            try:
                await self._ask()
                pause_seconds = self._poll_seconds
            except Exception:
                pause_seconds = min(2 * pause_seconds, MAX_PAUSE_SECONDS)
                logger.exception("Asking for waited results failed; asking again in %.2f s.", pause_seconds)
            await self._pause(pause_seconds, notified)

    async def _pause(self, seconds: float, notified: asyncio.Event) -> None:
        shortest = seconds / NOTIFIED_PACE
        await asyncio.sleep(shortest)
        try:
            async with asyncio.timeout(seconds - shortest):
                await notified.wait()
        except TimeoutError:
            pass
        notified.clear()

    async def _ask(self) -> None:
        wanted: set[str] = set().union(*self._waiting.values())
        if not wanted:
            return
        found = await asyncio.get_running_loop().run_in_executor(
            self._thread, run_with_fresh_connections, lambda: self._find_done(wanted)
        )
        if not found:
            return
        for answered, missing in self._waiting.items():
            missing.difference_update(found)
            if not missing and not answered.done():
                answered.set_result(True)
