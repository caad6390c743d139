"""Clients that take their time on purpose: many connections, each kept busy with next to nothing and opened anew."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

PIECE_SECONDS = 5.0
RECEIVE_BYTES = 2048  # of the socket: what is not read soon stays with the server
RETRY_SECONDS = 0.5
OPENED_A_SECOND = 100
_HEAD = b"Host: 127.0.0.1\r\nUser-Agent: slow\r\n"


class Slowness(Enum):
    """What a client is slow with."""

    HEADERS = "headers that never end"
    BODY = "a body in small pieces"
    PAUSE = "a body that stops coming"
    READING = "an answer that is hardly read"


BEGINNINGS = {
    Slowness.HEADERS: b"GET / HTTP/1.1\r\n" + _HEAD,
    Slowness.BODY: b"POST /api/v1/images HTTP/1.1\r\nContent-Length: 100000\r\n" + _HEAD + b"\r\n",
    Slowness.PAUSE: b"POST /api/v1/images HTTP/1.1\r\nContent-Length: 100000\r\n" + _HEAD + b"\r\nx",
    Slowness.READING: b"GET /api/v1/openapi.json HTTP/1.1\r\n" + _HEAD + b"\r\n",
}
PIECES = {Slowness.HEADERS: b"X-A: b\r\n", Slowness.BODY: b"x", Slowness.PAUSE: b"", Slowness.READING: b""}


@dataclass
class Crowd:
    """How long connections lived that the server ended, and since when those are open that it did not."""

    lifetimes: list[float] = field(default_factory=list)
    opened: dict[socket.socket, float] = field(default_factory=dict)
    refused: int = 0
    most: int = 0

    @property
    def longest(self) -> float:
        """The oldest that ever was."""
        now = time.monotonic()
        return max([0.0, *self.lifetimes, *(now - since for since in self.opened.values())])


@contextmanager
def slow_clients(port: int, kinds: list[Slowness], *, addresses: list[str], connections: int) -> Iterator[Crowd]:
    """So many connections at a time for the length of the block, dealt out over the kinds and the own addresses."""
    crowd, loop = Crowd(), asyncio.new_event_loop()

    async def run() -> None:
        clients = (
            _Client(port, crowd, kinds[n % len(kinds)], addresses[n // len(kinds) % len(addresses)]).keep_on(
                after_seconds=n / OPENED_A_SECOND
            )
            for n in range(connections)
        )
        await asyncio.gather(*clients)

    running = loop.create_task(run())
    thread = threading.Thread(target=lambda: _run(loop, running), daemon=True)
    thread.start()
    try:
        yield crowd
    finally:
        loop.call_soon_threadsafe(running.cancel)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


class _Client:
    """One place in the crowd: when its connection ends, it opens another."""

    def __init__(self, port: int, crowd: Crowd, kind: Slowness, address: str) -> None:
        self._port, self._crowd, self._kind, self._address = port, crowd, kind, address

    async def keep_on(self, *, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        loop = asyncio.get_running_loop()
        while True:
            connection = socket.socket()
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            connection.bind((self._address, 0))
            try:
                await loop.sock_connect(connection, ("127.0.0.1", self._port))
                await self._linger(loop, connection)
            except OSError:
                self._crowd.refused += 1
            finally:
                self._crowd.opened.pop(connection, None)
                connection.close()
            await asyncio.sleep(RETRY_SECONDS)

    async def _linger(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        """Until the server ends it."""
        started = time.monotonic()
        self._crowd.opened[connection] = started
        self._crowd.most = max(self._crowd.most, len(self._crowd.opened))
        with suppress(ConnectionError):
            await loop.sock_sendall(connection, BEGINNINGS[self._kind])
            while await self._is_open(loop, connection):
                await loop.sock_sendall(connection, PIECES[self._kind])
        self._crowd.lifetimes.append(time.monotonic() - started)

    async def _is_open(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> bool:
        """After one pause. A reader takes a few bytes at its end, the others hear at once that it is over."""
        if self._kind is Slowness.READING:
            await asyncio.sleep(PIECE_SECONDS)
            return await loop.sock_recv(connection, 32) != b""
        with suppress(TimeoutError):
            async with asyncio.timeout(PIECE_SECONDS):
                return await loop.sock_recv(connection, 4096) == b"" and False
        return True
