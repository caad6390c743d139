"""uvicorn's HTTP protocol, named by `--http`: who does not finish a request's headers, or takes no answer, is cut off.

The original waits for both for ever. Bodies have their own limit (`http_bodies`).
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):  # type: ignore[misc] # uvicorn is not looked into
    """One connection. Looks at itself every few seconds, so that a request costs no timer."""

    header_seconds: ClassVar[float] = 10.0  # from the connection, or the last answer, to a request's whole headers
    unread_seconds: ClassVar[float] = 20.0  # in which none of what waits to be sent could be sent
    look_seconds: ClassVar[float] = 2.0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The first request's headers are awaited from now on."""
        super().connection_made(transport)
        self._headers_awaited_since: float | None = self.loop.time()
        self._unsent_bytes = 0
        self._unsent_since = 0.0
        self._next_look = self.loop.call_later(self.look_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to look at."""
        self._next_look.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request has begun to arrive."""
        super().on_message_begin()
        self._headers_awaited_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """From here on the application, and the limits of bodies, have the word."""
        self._headers_awaited_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The next request's headers are awaited, unless it is here already."""
        if not self.pipeline:
            self._headers_awaited_since = self.loop.time()
        super().on_response_complete()

    def _look(self) -> None:
        transport: Any = self.transport
        if transport.get_protocol() is not self:  # it is a WebSocket now
            return
        now = self.loop.time()
        if self._is_late(now) or self._is_unread(now, transport.get_write_buffer_size()):
            transport.abort()
            return
        self._next_look = self.loop.call_later(self.look_seconds, self._look)

    def _is_late(self, now: float) -> bool:
        since = self._headers_awaited_since
        return since is not None and now - since > self.header_seconds and not self.transport.get_write_buffer_size()

    def _is_unread(self, now: float, unsent_bytes: int) -> bool:
        if unsent_bytes == 0 or unsent_bytes != self._unsent_bytes:
            self._unsent_bytes, self._unsent_since = unsent_bytes, now
            return False
        return now - self._unsent_since > self.unread_seconds
