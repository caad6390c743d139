"""Receives request bodies on the event loop, within limits of size and time.

Only a body that arrived whole is handed on; everything else becomes `RequestRefusedError` or `ClientLeftError`.
"""

from __future__ import annotations

import asyncio
import io
from typing import IO, Any

from classifier.errors import StorageUnavailable, WhatsitError
from webapp.asgi_types import Receive
from webapp.body_buffers import BodyBuffer, BodyMemory


class ClientLeftError(Exception):
    """The connection closed before the request was complete; nobody is there to be answered."""


class RequestRefusedError(Exception):
    """The bridge answers by itself, with `error`. `droppable_bytes`: worth reading of what comes."""

    def __init__(self, error: WhatsitError, *, droppable_bytes: int = 0) -> None:
        super().__init__(str(error))
        self.error = error
        self.droppable_bytes = droppable_bytes


class BodyReader:
    """Reads the bodies of one server; belongs to one event loop."""

    def __init__(self, *, seconds: float, memory_bytes: int, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._memory = BodyMemory(memory_bytes)

    async def read(self, environ: dict[str, Any], receive: Receive) -> tuple[IO[bytes], int]:
        """Return the body, at its beginning, and its size in bytes.

        Raises `ClientLeftError`, or `RequestRefusedError` for one too large, too slow or not as announced.
        """
        if not has_body(environ):
            return io.BytesIO(), 0
        declared = _declared_bytes(environ)
        if declared is not None and declared > self._max_bytes:
            # A client that asked before sending (Expect: 100-continue) will not send after a refusal.
            raise self._too_large(0 if "HTTP_EXPECT" in environ else 2 * self._max_bytes)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._receive_all(declared, receive)
        except TimeoutError:
            sentence = f"Sending this took longer than {self._seconds:g} seconds. Try again, or send less at once."
            raise RequestRefusedError(WhatsitError("malformed_request", sentence, status=408)) from None
        except OSError as error:
            raise RequestRefusedError(StorageUnavailable(), droppable_bytes=self._max_bytes) from error

    async def _receive_all(self, declared: int | None, receive: Receive) -> tuple[IO[bytes], int]:
        limit = self._max_bytes if declared is None else declared
        part, more = await _receive_part(receive)
        if not more:  # most bodies come in one piece
            _require_length(len(part), declared)
            if len(part) > limit:
                raise self._too_large(0)
            return io.BytesIO(part), len(part)
        body = BodyBuffer(self._memory)
        try:
            await body.add(part)
            while more and body.size <= limit:
                part, more = await _receive_part(receive)
                await body.add(part)
            if declared is None and body.size > limit:
                raise self._too_large(2 * self._max_bytes - body.size if more else 0)
            _require_length(body.size, declared)
            return await body.finish(), body.size
        finally:
            body.close()

    async def drop(self, receive: Receive, droppable_bytes: int) -> None:
        """Read and forget what a refused client still sends: who closes on unread bytes takes the answer away again."""
        try:
            async with asyncio.timeout(self._seconds):
                while droppable_bytes > 0:
                    part, more = await _receive_part(receive)
                    if not more:
                        return
                    droppable_bytes -= len(part)
        except (TimeoutError, ClientLeftError):
            return

    def _too_large(self, droppable_bytes: int) -> RequestRefusedError:
        sentence = f"This is more than {self._max_bytes / 1e6:g} MB in one request. Send fewer or smaller pictures."
        error = WhatsitError("file_too_large", sentence, details={"max_bytes": self._max_bytes})
        return RequestRefusedError(error, droppable_bytes=droppable_bytes)


def has_body(environ: dict[str, Any]) -> bool:
    """Whether the headers announce a body. In HTTP/2 one may come without any announcement."""
    length = environ.get("CONTENT_LENGTH", "")
    if "HTTP_TRANSFER_ENCODING" in environ:
        return True
    return length not in {"", "0"} or (length == "" and environ["SERVER_PROTOCOL"] == "HTTP/2")


def _declared_bytes(environ: dict[str, Any]) -> int | None:
    length: str = environ.get("CONTENT_LENGTH", "")
    if not length:
        return None
    readable = length.isascii() and length.isdigit() and len(length) <= 18
    if not readable or "HTTP_TRANSFER_ENCODING" in environ:
        sentence = "The headers of this request do not say clearly how long it is. Send one Content-Length, or chunks."
        raise RequestRefusedError(WhatsitError("malformed_request", sentence))
    return int(length)


def _require_length(received: int, declared: int | None) -> None:
    if declared is not None and received != declared:
        sentence = f"This request announced {declared} bytes and brought {received}. Send it again."
        raise RequestRefusedError(WhatsitError("malformed_request", sentence))


async def _receive_part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeftError
    return message.get("body", b""), message.get("more_body", False)
