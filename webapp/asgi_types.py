"""The ASGI callables and messages as plain types. The servers' own types differ from each other; these fit them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def receive_until_disconnect(receive: Receive) -> None:
    """Return when the client has left (or its answer is complete); whatever else arrives is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
