"""Holds request bodies while they arrive: in memory, then in a temporary file. Knows sizes, not HTTP."""

from __future__ import annotations

import asyncio
import io
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import IO

BODIES_HELD_IN_MEMORY = 256
"""So many bodies' worth of memory all requests may hold together; beyond it small bodies go to files as well."""


class BodyMemory:
    """What all bodies of one server share: the memory they may hold, and the threads that write files for them."""

    def __init__(self, bytes_each: int) -> None:
        self.bytes_each = bytes_each
        self.bytes_together = bytes_each * BODIES_HELD_IN_MEMORY
        self.held_bytes = 0
        # Apart from the request threads: receiving goes on while all of those are busy.
        self.writers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="body-writer")


class BodyBuffer:
    """One body. `close` it unless `finish` handed it on."""

    __slots__ = ("_file", "_held_bytes", "_memory", "_parts", "size")

    def __init__(self, memory: BodyMemory) -> None:
        self.size = 0
        self._memory = memory
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._file: IO[bytes] | None = None

    async def add(self, part: bytes) -> None:
        """Take the next bytes. Raises OSError when the file they belong in cannot be written."""
        self.size += len(part)
        self._parts.append(part)
        self._held_bytes += len(part)
        self._memory.held_bytes += len(part)
        if self._held_bytes > self._memory.bytes_each or self._memory.held_bytes > self._memory.bytes_together:
            await self._move_to_file()

    async def finish(self) -> IO[bytes]:
        """The whole body as a file, at its beginning. Raises OSError like `add`."""
        if self._file is None:
            self._release()
            return io.BytesIO(b"".join(self._parts))
        await self._move_to_file()
        self._file.seek(0)
        finished, self._file = self._file, None
        return finished

    def close(self) -> None:
        """Forget everything; harmless after `finish`."""
        self._release()
        self._parts = []
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _move_to_file(self) -> None:
        # In a thread: a slow disk must not stop the loop, on which every other request arrives.
        parts, self._parts = self._parts, []
        self._file = await asyncio.get_running_loop().run_in_executor(self._memory.writers, _append, self._file, parts)
        self._release()

    def _release(self) -> None:
        self._memory.held_bytes -= self._held_bytes
        self._held_bytes = 0


def _append(file: IO[bytes] | None, parts: list[bytes]) -> IO[bytes]:
    if file is None:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the request
    file.writelines(parts)
    file.flush()  # a full disk must be noticed while the client can still be told
    return file
