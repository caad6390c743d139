"""Opening sockets as a browser on our page would, against the real access check and consumer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.test import Client

from webapp.middleware import VISITOR_COOKIE
from webapp.middleware import _signer as visitor_signer
from webapp.socket_access import SocketAccess
from webapp.websocket_urls import websocket_urlpatterns

HOST = "whatsit.test:8000"
OWN_ORIGIN = f"http://{HOST}"


class Socket:
    """One client's end. Channels' own communicator cannot be imported without Daphne, which we do not use."""

    def __init__(self, *, cookie: str, query: str, origin: str | None) -> None:
        headers = [(b"host", HOST.encode())]
        if cookie:
            headers.append((b"cookie", cookie.encode()))
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        scope = {
            "type": "websocket",
            "path": "/ws/results/",
            "query_string": query.removeprefix("?").encode(),
            "headers": headers,
            "subprotocols": [],
        }
        site = SocketAccess(URLRouter(websocket_urlpatterns))
        self._end: Any = ApplicationCommunicator(site, scope)  # type: ignore[no-untyped-call] # asgiref.testing has no types

    async def open(self) -> int:
        """0 when the server let us in, else the code it refused with."""
        await self._end.send_input({"type": "websocket.connect"})
        answer = await self._end.receive_output(timeout=60)
        return 0 if answer["type"] == "websocket.accept" else int(answer["code"])

    async def read(self) -> Any:
        """The next frame, as JSON."""
        message = await self._end.receive_output(timeout=60)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def say(self, text: str | None = None, *, data: bytes | None = None) -> None:
        """Send one frame."""
        await self._end.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def wait_for_close(self) -> int:
        """Read until the server closes; returns its code."""
        while True:
            message = await self._end.receive_output(timeout=60)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def leave(self) -> None:
        """Close from our side."""
        await self._end.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._end.wait(timeout=60)


Talk = Callable[[Socket], Awaitable[Any]]


def cookie_of(visitor: str) -> str:
    return f"{VISITOR_COOKIE}={visitor_signer.sign(visitor)}"


def session_of(client: Client) -> str:
    return f"sessionid={client.cookies['sessionid'].value}"


def talk(conversation: Talk, *, cookie: str = "", query: str = "", origin: str | None = OWN_ORIGIN) -> Any:
    """Open, converse, leave. The sockets' database questions run in this thread, in the test's own transaction."""

    async def run() -> Any:
        socket = Socket(cookie=cookie, query=query, origin=origin)
        assert await socket.open() == 0
        try:
            return await conversation(socket)
        finally:
            await socket.leave()

    return async_to_sync(run)()


def refusal(*, cookie: str = "", query: str = "", origin: str | None = OWN_ORIGIN) -> int:
    """The code with which the socket is refused before it opens."""
    code: int = async_to_sync(Socket(cookie=cookie, query=query, origin=origin).open)()
    assert code
    return code


async def push(group: str, *events: dict[str, Any]) -> None:
    """What the worker does when rows have changed."""
    await get_channel_layer().group_send(group, {"type": "live.events", "events": list(events)})
