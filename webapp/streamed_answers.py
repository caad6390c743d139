"""Answers that are sent part by part: made in a thread, sent by the event loop, as fast as the client takes them.

No thread is held while the client is slow. A part may be made in another thread than the one before, so what makes the
parts must not keep a database cursor open between two of them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import IO

from webapp.asgi_types import Send
from webapp.request_threads import RequestThreads

logger = logging.getLogger(__name__)

BUFFER_BYTES = 262_144
PART_BYTES = 65_536


class FileParts:
    """The `wsgi.file_wrapper`: reads a file in parts that are worth a switch of threads."""

    def __init__(self, file: IO[bytes], block_size: int = PART_BYTES) -> None:
        self._file = file
        self._block_bytes = max(block_size, PART_BYTES)

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(self._block_bytes), b"")

    def close(self) -> None:
        """Close the file. Looked up late: Django puts its response's `close` in the place of the file's."""
        close = getattr(self._file, "close", None)
        if close is not None:
            close()


class AnswerStream:
    """One streamed answer. `pull` and `close` run in threads, everything else on the event loop."""

    def __init__(
        self, parts: Iterator[bytes], close: Callable[[], None], run: Callable[[Callable[[], None]], None]
    ) -> None:
        """`run` calls what makes parts, in the context of the request."""
        self._parts = parts
        self._close_source = close
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._source_lock = threading.Lock()
        self._buffer_lock = threading.Lock()
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._woken = False
        self._ended = False
        self._stopped = False
        self._closed = False

    def pull(self) -> None:
        """Make parts until enough are buffered; close the source as soon as it has ended."""
        with self._source_lock:
            try:
                while not self._stopped and not self._ended and self._buffered_bytes < BUFFER_BYTES:
                    self._run(self._make_part)
            except Exception:
                logger.exception("A streamed answer broke off.")
                self._stopped = True
            if self._ended or self._stopped:
                self._close_once()

    def close(self) -> None:
        """Close the source, once, after the part being made."""
        with self._source_lock:
            self._close_once()

    def stop(self) -> None:
        """Make and send no further part: the client has left."""
        self._stopped = True
        self._ready.set()

    async def send_all(self, send: Send, threads: RequestThreads, seconds_each: float) -> None:
        """Send every part and the end. Without the end the server closes the connection: the sign of a broken answer.

        A client that takes none of it for `seconds_each` counts as gone.
        """
        try:
            if await self._send_parts(send, threads, seconds_each):
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._stopped = True
            if not self._closed:
                await threads.run(self.close)

    async def _send_parts(self, send: Send, threads: RequestThreads, seconds_each: float) -> bool:
        pulling: asyncio.Task[None] | None = None
        while True:
            if (pulling is None or pulling.done()) and not self._ended:
                pulling = asyncio.create_task(threads.run(self.pull))
                pulling.add_done_callback(lambda _: self._ready.set())
            await self._ready.wait()
            self._ready.clear()
            finished = pulling is None or pulling.done()
            block = self._take()
            if self._stopped:
                return False
            if block:
                async with asyncio.timeout(seconds_each):
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            if finished and self._ended:
                return True

    def _make_part(self) -> None:
        part = next(self._parts, None)
        if part is None:
            self._ended = True
            return
        with self._buffer_lock:
            self._buffer.append(part)
            self._buffered_bytes += len(part)
            wake, self._woken = not self._woken, True
        if wake:
            self._loop.call_soon_threadsafe(self._ready.set)

    def _take(self) -> bytes:
        with self._buffer_lock:
            block = b"".join(self._buffer)
            self._buffer.clear()
            self._buffered_bytes = 0
            self._woken = False
        return block

    def _close_once(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._close_source()
        except Exception:
            logger.exception("Closing a streamed answer failed.")
