"""nginx.conf in a real nginx: valid, passes requests and sockets on, names the client, hides the numbers."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.free_ports import free_port

CONFIGURATION = Path(__file__).resolve().parent.parent.parent / "docker" / "nginx.conf"
pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx: apt-get install nginx")


class Echo(BaseHTTPRequestHandler):
    """Stands for the web process; tells what reached it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        names = ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "Upgrade", "Connection", "X_Forwarded_For")
        body = "\n".join(f"{name}={self.headers.get(name)}" for name in names).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx that runs our file with a stand-in behind it."""
    folder = tmp_path_factory.mktemp("nginx")
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    port = free_port()
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in {
        "server web:8000;": f"server 127.0.0.1:{behind.server_port};",
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/tmp/": f"{folder}/",
        "client_header_timeout 10s;": "client_header_timeout 1s;",
        "worker_processes auto;": "worker_processes 1;\nuser root;",
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    nginx = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            assert nginx.poll() is None, (nginx.stderr or b"") and nginx.stderr.read()  # type: ignore[union-attr]
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield port
    nginx.terminate()
    nginx.wait()
    behind.shutdown()


def ask(port: int, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {name.replace("__", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_the_clients_own_claims_about_its_address_are_overwritten(proxy: int) -> None:
    status, text = ask(proxy, "/", Host="whatsit.example.org", X__Forwarded__For="6.6.6.6", X_Forwarded_For="6.6.6.6")
    assert status == 200
    assert "Host=whatsit.example.org" in text
    assert "X-Forwarded-For=127.0.0.1" in text
    assert "6.6.6.6" not in text


def test_the_scheme_comes_from_whatever_ends_tls_in_front(proxy: int) -> None:
    assert "X-Forwarded-Proto=https" in ask(proxy, "/", X__Forwarded__Proto="https")[1]
    assert "X-Forwarded-Proto=http\n" in ask(proxy, "/")[1]


def test_sockets_are_upgraded(proxy: int) -> None:
    _, text = ask(proxy, "/ws/results/", Upgrade="websocket", Connection="Upgrade")
    assert "Upgrade=websocket" in text
    assert "Connection=upgrade" in text


def test_the_numbers_are_not_for_the_public(proxy: int) -> None:
    assert ask(proxy, "/metrics")[0] == 404


def test_a_large_request_passes_and_a_huge_one_is_refused(proxy: int) -> None:
    assert ask(proxy, "/", method="POST", body=b"x" * 20_000_000)[0] == 200
    assert ask(proxy, "/", method="POST", Content__Length="300000000")[0] == 413


def test_a_client_that_does_not_finish_its_headers_is_cut_off(proxy: int) -> None:
    with socket.create_connection(("127.0.0.1", proxy), 60) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1000) == b""
