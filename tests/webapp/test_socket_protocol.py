"""Sockets whose clients take nothing any more, on a real uvicorn."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest
import uvicorn

from tests.webapp.bridge_server import wait_until
from webapp.socket_protocol import SocketProtocol

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
LARGE = "x" * 1_000_000


class Talker:
    """An application that sends more than fits anywhere, or closes, and knows which calls still run."""

    def __init__(self, *, closes: bool) -> None:
        self.closes = closes
        self.running = 0
        self.connections: set[Any] = set()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.running += 1
        try:
            await receive()
            await send({"type": "websocket.accept"})
            for _ in range(1 if self.closes else 100):
                await send({"type": "websocket.send", "text": LARGE * 8})
            await send({"type": "websocket.close", "code": 4408})
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self.running -= 1


async def talk_to_a_client_that_does_not_read(talker: Talker, protocol: Any) -> bool:
    """Is everything of it gone within a second?"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            talker, ws=protocol, lifespan="off", log_level="critical", ws_ping_interval=0.05, ws_ping_timeout=0.05
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(client.connect, listener.getsockname())
        client.sendall(UPGRADE)
        await asyncio.to_thread(wait_until, lambda: talker.running == 1)
        try:
            await asyncio.to_thread(
                wait_until, lambda: not talker.running and not server.server_state.connections, seconds=1
            )
            return True
        except AssertionError:
            return False
        finally:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            server.should_exit = True
            await serving


@pytest.mark.parametrize("closes", [False, True])
def test_a_client_that_does_not_read_is_cut_off(closes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.socket_protocol.FLUSH_SECONDS", 0.05)
    assert asyncio.run(talk_to_a_client_that_does_not_read(Talker(closes=closes), SocketProtocol))
