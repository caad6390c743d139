"""Stands before a server and breaks what passes, switchable while it runs: refused, mute, reset, slow, narrow."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

_CHUNK = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to everything that passes. The default is: nothing."""

    refuse: bool = False
    mute: bool = False  # connections are taken and kept, and no byte passes
    delay_seconds: float = 0.0  # before each piece, both ways
    bytes_per_second: int = 0
    reset_after_bytes: int | None = None  # of one connection, both ways together, from now on
    reset_at: bytes = b""  # the connection whose client sends these bytes is reset …
    reset_answered: bool = False  # … once the server has answered, instead of before it has seen them
    resets: int = 0  # how many times, with reset_at; then everything passes


NONE = Fault()


class _Link:
    """One client and its connection to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = (client, server)
        self.passed = 0
        self.is_doomed = False
        self.is_forgotten = False

    def reset(self) -> None:
        """Both sides meet `connection reset by peer`."""
        for end in self.ends:
            reset(end)


class FaultProxy:
    """Serves in a thread of its own; `meet` and `heal` are called from the test's."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._loop = asyncio.new_event_loop()
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.fault = NONE
        self.connections = 0
        self.resets = 0
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        thread.start()
        self._call(self._listen())
        try:
            yield self
        finally:
            self._call(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def meet(self, fault: Fault) -> None:
        """From now on this is what happens; `refuse` also resets the connections there are."""
        self._call(self._switch(fault))

    def heal(self, *, forgetting: bool = False) -> None:
        """Everything passes again; `forgetting` leaves earlier connections mute for ever, as a lost route does."""
        self._call(self._switch(NONE, forgetting=forgetting))

    @contextmanager
    def meeting(self, fault: Fault) -> Iterator[None]:
        """The fault for the length of the block."""
        self.meet(fault)
        try:
            yield
        finally:
            self.heal()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._take, "127.0.0.1", self.port, backlog=512)

    async def _unlisten(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _switch(self, fault: Fault, *, forgetting: bool = False) -> None:
        self.fault = fault
        for link in self._links:
            link.passed = 0
            link.is_forgotten = link.is_forgotten or forgetting
        if fault.refuse:
            await self._unlisten()
            for link in self._links:
                link.reset()
        elif self._listener is None:
            await self._listen()
        if fault.mute:
            self._passing.clear()
        else:
            self._passing.set()

    async def _end(self) -> None:
        await self._unlisten()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
                await self.serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either side ends."""
        await self._passing.wait()
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        link = _Link(writer, server_writer)
        self._links.add(link)
        ways = [
            asyncio.create_task(self._pass_on(link, reader, server_writer, is_asking=True)),
            asyncio.create_task(self._pass_on(link, server_reader, writer, is_asking=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            server_writer.close()

    async def _pass_on(
        self, link: _Link, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_asking: bool
    ) -> None:
        while piece := await source.read(_CHUNK):
            await self.hold_up(len(piece))
            if link.is_forgotten:
                await asyncio.Event().wait()
            if link.is_doomed:  # the server has answered what the client may not learn
                link.reset()
                return
            if self._breaks(link, piece, is_asking=is_asking):
                rest = self.fault.reset_after_bytes
                target.write(piece[: max(0, rest - link.passed)] if rest is not None else b"")
                await target.drain()
                link.reset()
                return
            link.passed += len(piece)
            target.write(piece)
            await target.drain()

    async def hold_up(self, size: int) -> None:
        """As long as the fault wants a piece of that size held up."""
        await self._passing.wait()
        if self.fault.delay_seconds:
            await asyncio.sleep(self.fault.delay_seconds)
        if self.fault.bytes_per_second:
            await asyncio.sleep(size / self.fault.bytes_per_second)

    def _breaks(self, link: _Link, piece: bytes, *, is_asking: bool) -> bool:
        """Is the connection to be reset at this piece? With `reset_answered` it is doomed first."""
        fault = self.fault
        if fault.reset_after_bytes is not None and link.passed + len(piece) > fault.reset_after_bytes:
            return True
        if not (is_asking and fault.reset_at and fault.reset_at in piece and self.resets < fault.resets):
            return False
        self.resets += 1
        link.is_doomed = fault.reset_answered
        return not fault.reset_answered


def reset(end: asyncio.StreamWriter) -> None:
    """Close so that the other side meets a reset, not an end."""
    connection = end.get_extra_info("socket")
    if connection is not None and connection.fileno() != -1:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    end.transport.abort()
