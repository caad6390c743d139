"""A real uvicorn in a thread that serves a small WSGI application over the bridge; a client that sees raw bytes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from webapp.http_bridge import HttpBridge

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def wait_until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Return when the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.005)


@dataclass
class Recorder:
    """A WSGI application that remembers what it was called with and answers with the size of the body."""

    calls: list[Environ] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        self.calls.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"%d" % len(self.bodies[-1])]


@dataclass
class Answer:
    """What came back: the status, the headers in order, and the body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def error_code(self) -> str:
        code: str = json.loads(self.body)["error"]["code"]
        return code


class BridgeServer:
    """The server under test."""

    def __init__(
        self, bridge: HttpBridge, *, graceful_seconds: int = 10, root_path: str = "", http: Any = "auto"
    ) -> None:
        self.bridge = bridge
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            bridge,
            lifespan="off",
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=graceful_seconds,
            root_path=root_path,
            http=http,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self.thread.start()
        wait_until(lambda: self.server.started)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive(), "the server did not stop"
        self.bridge.close()

    def connect(self, data: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(data)
        return connection

    def exchange(self, data: bytes, *, method: str = "GET") -> Answer:
        """Send raw bytes and read one answer."""
        with self.connect(data) as connection:
            return read_answer(connection, method=method)

    def get(self, path: str = "/", *, method: str = "GET", headers: str = "") -> Answer:
        return self.exchange(
            f"{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n".encode("latin-1"), method=method
        )

    def post(self, body: bytes, path: str = "/") -> Answer:
        head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n"
        return self.exchange(head.encode() + body)


def read_answer(connection: socket.socket, *, method: str = "GET") -> Answer:
    """Read one answer; raises `http.client.IncompleteRead` when it breaks off."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    body = response.read()
    return Answer(response.status, [(name.lower(), value) for name, value in response.getheaders()], body)


@contextlib.contextmanager
def serve(application: Application, **options: Any) -> Iterator[BridgeServer]:
    """Serve the application; keyword arguments change the bridge's limits."""
    graceful_seconds = options.pop("graceful_seconds", 10)
    root_path = options.pop("root_path", "")
    http = options.pop("http", "auto")
    limits = {"threads": 4, "body_seconds": 10.0, "body_memory_bytes": 1000, "body_max_bytes": 100_000, **options}
    bridge = HttpBridge(application, **limits)
    server = BridgeServer(bridge, graceful_seconds=graceful_seconds, root_path=root_path, http=http)
    try:
        yield server
    finally:
        server.stop()
