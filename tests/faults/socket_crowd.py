"""Thousands of pages' sockets in one process: they come back as the page's do, and know what was pushed to them.

Started by `crowd_control`; reads one JSON order a line, answers each with one line.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
import time
from collections import defaultdict
from datetime import datetime
from typing import Any, cast

import uvloop

# partysocket's rule with the figures of live-socket.js.
LEAST_SECONDS, LEAST_SPREAD, MOST_SECONDS, MOST_SPREAD, GROWTH = 0.5, 1.5, 20.0, 10.0, 1.6
OPENING_SECONDS, STEADY_SECONDS = 8.0, 5.0
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
UPGRADE = (
    "GET /ws/results/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


def frame(opcode: int, payload: bytes) -> bytes:
    """One frame of a client, masked with zeros: the mask is asked for, not used."""
    assert len(payload) < 126
    return struct.pack("!BB4x", 0x80 | opcode, 0x80 | len(payload)) + payload


class Page(asyncio.Protocol):
    """One visitor's page."""

    def __init__(self, crowd: SocketCrowd, cookie: str) -> None:
        self.crowd = crowd
        self.cookie = cookie
        self.transport: asyncio.Transport | None = None
        self.data = b""
        self.is_upgraded = False
        self.is_open = False  # with its snapshot
        self.opened_at = 0.0
        self.attempts = 0  # in a row without five steady seconds
        self.least = LEAST_SECONDS + random.random() * LEAST_SPREAD
        self.most = MOST_SECONDS + random.random() * MOST_SPREAD
        self.images: dict[str, tuple[int, str]] = {}
        self.snapshots = 0

    async def stay(self) -> None:
        """Connect, and come back each time it ends, with patience that grows."""
        while not self.crowd.is_closing:
            if self.attempts:
                await asyncio.sleep(min(self.most, self.least * GROWTH ** (self.attempts - 1)))
            self.attempts += 1
            await self._live_once()
            if self.crowd.is_numb:
                return
            if self.opened_at and time.monotonic() - self.opened_at > STEADY_SECONDS:
                self.attempts = 1

    async def _live_once(self) -> None:
        self.data, self.is_upgraded, self.opened_at = b"", False, 0.0
        self.ended = asyncio.Event()
        end = socket.socket()
        end.setblocking(False)
        if self.crowd.is_narrow:  # takes next to nothing before the sender must wait
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(end, ("127.0.0.1", self.crowd.port))
            await loop.create_connection(lambda: self, sock=end)
            async with asyncio.timeout(OPENING_SECONDS):
                while not self.is_upgraded and not self.ended.is_set():
                    await asyncio.sleep(0.05)
        except OSError:
            end.close()
            self.crowd.refusals += 1
        except TimeoutError:
            self.crowd.timeouts += 1
            assert self.transport is not None
            self.transport.abort()
        else:
            await self.ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not instances of it
        host = f"127.0.0.1:{self.crowd.host_port}"
        self.transport.write(UPGRADE.format(host=host, cookie=self.cookie).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.crowd.losses += 1
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        self.data += data
        if not self.is_upgraded:
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head[:20]:
                self._end()
                return
            self.data, self.is_upgraded, self.opened_at = rest, True, time.monotonic()
        while (taken := self._take_frame()) is not None:
            self._answer(*taken)

    def _take_frame(self) -> tuple[int, bytes] | None:
        data = self.data
        if len(data) < 2:
            return None
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start or len(data) < start + length:
            return None
        self.data = data[start + length :]
        return data[0] & 15, data[start : start + length]

    def _answer(self, opcode: int, payload: bytes) -> None:
        assert self.transport is not None
        if opcode == PING:
            self.transport.write(frame(PONG, payload))
        elif opcode == CLOSE:
            self.crowd.codes[str(int.from_bytes(payload[:2], "big"))] += 1
            self._end()
        elif opcode == TEXT:
            self._read(json.loads(payload))

    def _end(self) -> None:
        assert self.transport is not None
        self.transport.close()

    def _read(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.snapshots += 1
            self.is_open = True
            for item in message["items"]:
                self._take(item)
        elif message["type"] == "prediction":
            done_at = datetime.fromisoformat(message["item"]["prediction"]["done_at"])
            self.crowd.note("prediction", done_at.timestamp())
            self._take(message["item"])
        else:
            self.crowd.note(message["type"], message["sent_at"])

    def _take(self, item: dict[str, Any]) -> None:
        """As the page does: the highest version counts."""
        if item["version"] > self.images.get(item["id"], (0, ""))[0]:
            self.images[item["id"]] = (item["version"], item["state"])

    def refresh(self) -> None:
        if self.transport is not None and self.is_open:
            self.transport.write(frame(TEXT, b'{"type": "refresh"}'))


class SocketCrowd:
    """All pages, and the orders."""

    def __init__(self, port: int, host_port: int) -> None:
        self.port = port
        self.host_port = host_port
        self.pages: list[Page] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_closing = self.is_narrow = self.is_numb = False
        self.refusals = self.timeouts = self.losses = 0
        self.codes: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def note(self, kind: str, sent_at: float) -> None:
        self.seconds[kind].append(time.time() - sent_at)

    async def open(self, cookies: list[str], at_once: int, reads: bool = True) -> dict[str, Any]:
        """Pages that open one after the other, `at_once` at a time; ends when each has its snapshot."""
        started = time.monotonic()
        turns = asyncio.Semaphore(at_once)
        fresh = [Page(self, cookie) for cookie in cookies]
        self.pages += fresh

        async def enter(page: Page) -> None:
            async with turns:
                task = asyncio.create_task(page.stay())
                self.tasks.add(task)
                while not page.snapshots:
                    await asyncio.sleep(0.02)

        await asyncio.gather(*map(enter, fresh))
        return {"seconds": time.monotonic() - started}

    async def narrow(self) -> None:
        """Pages that open from now on have room for little that they have not read."""
        self.is_narrow = True

    async def stop_reading(self) -> None:
        """All pages take nothing any more, and whoever is cut off stays away."""
        self.is_numb = True
        for page in self.pages:
            assert page.transport is not None
            page.transport.pause_reading()

    async def look(self) -> dict[str, Any]:
        """How things stand."""
        counts = {name: getattr(self, name) for name in ("refusals", "timeouts", "losses")}
        return {"open": sum(page.is_open for page in self.pages), "codes": dict(self.codes), **counts}

    async def heard(self) -> dict[str, list[float]]:
        """Seconds each push took, by kind, since this was asked last."""
        heard, self.seconds = dict(self.seconds), defaultdict(list)
        return heard

    async def known(self) -> list[dict[str, tuple[int, str]]]:
        """Each page's images, with version and state."""
        return [page.images for page in self.pages]

    async def refresh(self) -> dict[str, Any]:
        """A fresh snapshot for everybody; ends when all are there."""
        wanted = {page: page.snapshots + 1 for page in self.pages if page.is_open}
        for page in wanted:
            page.refresh()
        while any(page.snapshots < count for page, count in wanted.items()):
            await asyncio.sleep(0.05)
        return {"pages": len(wanted)}

    async def serve(self) -> None:
        """Until the orders end."""
        reader = asyncio.StreamReader(limit=2**26)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            order = json.loads(line)
            answer = await getattr(self, order.pop("do"))(**order)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        self.is_closing = True


async def main() -> None:
    await SocketCrowd(int(sys.argv[1]), int(sys.argv[2])).serve()


if __name__ == "__main__":
    uvloop.run(main())
