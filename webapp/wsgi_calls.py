"""One call of the WSGI application, made in a thread: what it answered, in the form ASGI sends it."""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from classifier.errors import WhatsitError
from webapp.streamed_answers import BUFFER_BYTES, FileParts

logger = logging.getLogger(__name__)

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = list[tuple[bytes, bytes]]
Result = TypeVar("Result")

# What concerns the connection is the server's, and it also writes the date and its own name.
_HEADERS_OF_THE_SERVER = frozenset(
    {"connection", "keep-alive", "te", "trailers", "transfer-encoding", "upgrade", "date", "server"}
)
_HEADERS_OF_ONE_BODY = frozenset({b"content-length", b"content-encoding", b"etag"})


class WsgiCall:
    """After `start`, either `body` is the whole answer and all is closed, or `parts` wait to be streamed and closed."""

    __slots__ = ("_application", "_close_answer", "_context", "_early", "body", "environ", "headers", "parts", "status")

    def __init__(self, application: WsgiApplication, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.status = 0
        self.headers: Headers = []
        self.body = b""
        self.parts: Iterator[bytes] | None = None
        self._application = application
        self._early: list[bytes] = []
        self._close_answer: Callable[[], object] | None = None
        # One for all steps: what a view binds (log ids, language) is there in later steps, and never in other requests.
        self._context = contextvars.copy_context()

    def run(self, function: Callable[[], Result]) -> Result:
        """Run a later step of this request, in whatever thread calls."""
        return self._context.run(function)

    def start(self) -> None:
        """Call the application. Never raises: an application that fails has answered 500."""
        self._context.run(self._start)

    def close(self) -> None:
        """Close the answer and the body of the request. Harmless when that is done."""
        close, self._close_answer = self._close_answer, None
        try:
            if close is not None:
                self._context.run(close)
        finally:
            self.environ["wsgi.input"].close()

    def replace_body(self, body: bytes) -> None:
        """Send this instead, with the same status; headers that described the first body go with it."""
        self.body = body
        self.headers = [header for header in self.headers if header[0] not in _HEADERS_OF_ONE_BODY]
        self.headers.append((b"content-length", b"%d" % len(body)))

    def _start(self) -> None:
        try:
            answer = self._application(self.environ, self._start_response)
            self._close_answer = getattr(answer, "close", None)
            self._take(answer)
        except Exception:
            logger.exception(
                "The application failed on %s %s.", self.environ["REQUEST_METHOD"], self.environ["PATH_INFO"]
            )
            self.parts = None
            self.status, self.headers, self.body = render_error(WhatsitError("try_later", status=500))
        if self.parts is None:
            self._close_now()

    def _close_now(self) -> None:
        try:
            close, self._close_answer = self._close_answer, None
            if close is not None:
                close()
        except Exception:
            logger.exception("Closing the answer to %s failed.", self.environ["PATH_INFO"])
        self.environ["wsgi.input"].close()

    def _take(self, answer: Iterable[bytes]) -> None:
        if self._is_whole(answer):
            self.body = b"".join(answer)
            self._fit_length(whole=True)
            return
        parts = iter(answer)
        if not self.status:  # an application that is a generator says its status with its first part
            self._early.extend(part for part in (next(parts, None),) if part is not None)
        if self.has_no_body:
            self._fit_length(whole=False)
            return
        self.parts = chain(self._early, parts)

    def _is_whole(self, answer: Iterable[bytes]) -> bool:
        """Whether joining the answer here costs neither waiting nor much memory."""
        if self._early:  # the old way of writing, through what start_response returned
            return False
        if isinstance(answer, list | tuple) or getattr(answer, "streaming", None) is False:
            return True
        return isinstance(answer, FileParts) and not self.has_no_body and self._declared_bytes() <= BUFFER_BYTES

    @property
    def has_no_body(self) -> bool:
        """An answer to HEAD, and some statuses, have headers only."""
        return self.environ["REQUEST_METHOD"] == "HEAD" or self.status in {204, 304} or 100 <= self.status < 200

    def _declared_bytes(self) -> float:
        return next((int(value) for name, value in self.headers if name == b"content-length"), float("inf"))

    def _fit_length(self, *, whole: bool) -> None:
        headers = self.headers
        if self.status in {204, 304}:
            self.headers = [header for header in headers if header[0] != b"content-length"]
        elif whole and (self.body or not self.has_no_body) and self._declared_bytes() == float("inf"):
            headers.append((b"content-length", b"%d" % len(self.body)))
        if self.has_no_body:
            self.body = b""

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.status and exc_info is None:
            raise AssertionError("The application called start_response twice.")
        self.status = int(status[:3])
        encoded: Headers = []
        for name, value in headers:
            known = _encode_name(name)
            if known is not None:
                encoded.append((known, value.encode("latin-1")))
        self.headers = encoded
        return self._early.append


def render_error(error: WhatsitError) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an answer that the bridge gives by itself, in the shape of the API's errors."""
    problem = {"code": error.code, "message": error.message, "details": error.details}
    body = json.dumps({"error": problem}, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
    ]
    if error.status == 503:
        headers.append((b"retry-after", b"5"))
    return error.status, headers, body


@lru_cache(maxsize=512)
def _encode_name(name: str) -> bytes | None:
    lowered = name.lower()
    return None if lowered in _HEADERS_OF_THE_SERVER else lowered.encode("latin-1")
