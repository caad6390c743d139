"""uvicorn's WebSocket protocol, named by `--ws`: a client that takes nothing any more is cut off, not waited for."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FLUSH_SECONDS: Final = 5.0


class SocketProtocol(WebSocketsSansIOProtocol):  # type: ignore[misc] # uvicorn is not looked into
    """The original closes orderly, which waits until all has been sent: for ever, where the client does not read."""

    def send_keepalive_ping(self) -> None:
        """Also the next look at a connection that is being closed."""
        if self.close_sent or self.transport.is_closing():
            self._cut_off_soon()
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """No answer to a ping."""
        super().keepalive_timeout()
        self._cut_off_soon()

    def _cut_off_soon(self) -> None:
        """Time for the last frame to leave, where it can; nothing happens to what has ended by then."""
        self.loop.call_later(FLUSH_SECONDS, self.transport.abort)
