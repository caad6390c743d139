"""An HTTP server on loopback that misbehaves as told and writes down what it was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

Behaviour = Callable[["FaultyHandler"], None]


class FaultyHandler(BaseHTTPRequestHandler):
    """Reads each request whole, notes (method, path), then lets the behaviour answer."""

    protocol_version = "HTTP/1.1"
    behaviour: ClassVar[Behaviour]
    asked: ClassVar[list[tuple[str, str]]]

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The base class calls do_GET, do_PUT and so on."""
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def handle_any(self) -> None:
        """Called for every method."""
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path.partition("?")[0]))
        type(self).behaviour(self)

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


class FaultyServer:
    """`behaviour` may be changed at any time; `asked` holds the requests so far."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.asked: list[tuple[str, str]] = []

        class Handler(FaultyHandler):
            pass

        Handler.behaviour, Handler.asked = behaviour, self.asked
        self._handler: type[FaultyHandler] = Handler
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def behaviour(self) -> Behaviour:
        """What the next request meets."""
        return self._handler.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._handler.behaviour = behaviour

    @contextmanager
    def running(self) -> Iterator[FaultyServer]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


@contextmanager
def mute_server() -> Iterator[str]:
    """Takes connections and never says a word; gives its endpoint."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
