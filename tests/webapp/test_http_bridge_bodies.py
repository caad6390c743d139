"""Bodies: only one that arrived whole runs a view; a refused client gets to see why."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from typing import IO, Any

import pytest

from tests.webapp.bridge_server import Environ, Recorder, StartResponse, read_answer, serve, wait_until
from webapp import body_buffers
from webapp.http_bridge import HttpBridge


def _head(length: int, *extra: str) -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", "Host: t", f"Content-Length: {length}", *extra, "", ""]).encode()


def test_a_dropped_upload_runs_no_view() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        server.connect(_head(5000) + b"x" * 4999).close()
        assert server.post(b"after").body == b"5"
    assert recorder.bodies == [b"after"]


def test_a_dropped_chunked_upload_runs_no_view() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        server.connect(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").close()
        assert server.post(b"after").body == b"5"
    assert recorder.bodies == [b"after"]


@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 70_000, 100_000])
def test_a_body_arrives_unchanged_whether_it_is_held_in_memory_or_in_a_file(size: int) -> None:
    recorder = Recorder()
    body = bytes(index % 251 for index in range(size))
    with serve(recorder) as server:
        assert server.post(body).status == 200
    assert recorder.bodies == [body]


def test_a_chunked_body_gets_the_length_it_turned_out_to_have() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        answer = server.exchange(
            b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        )
    assert answer.body == b"7"
    assert recorder.bodies == [b"abcdefg"]
    assert recorder.calls[0]["CONTENT_LENGTH"] == "7"
    assert "HTTP_TRANSFER_ENCODING" not in recorder.calls[0]


def test_a_slow_body_is_cut_and_runs_no_view() -> None:
    recorder = Recorder()
    with serve(recorder, body_seconds=0.3) as server, server.connect(_head(100)) as connection:
        started = time.monotonic()
        threading.Thread(target=_trickle, args=(connection,), daemon=True).start()
        answer = read_answer(connection)
    assert (answer.status, answer.header("connection")) == (408, "close")
    assert answer.error_code == "malformed_request"
    assert 0.25 < time.monotonic() - started < 30
    assert recorder.calls == []


def _trickle(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)
    except OSError:
        return


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_too_much_gets_to_see_the_refusal_after_it_has_sent_everything(chunked: bool) -> None:
    recorder = Recorder()
    size = 190_000
    with serve(recorder) as server, server.connect() as connection:
        if chunked:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % size)
        else:
            connection.sendall(_head(size))
        for _ in range(size // 10_000):
            connection.sendall(b"x" * 10_000)
            time.sleep(0.01)
        if chunked:
            connection.sendall(b"\r\n0\r\n\r\n")
        answer = read_answer(connection)
    assert (answer.status, answer.error_code, answer.header("connection")) == (413, "file_too_large", "close")
    assert recorder.calls == []


def test_the_refusal_of_a_large_upload_is_there_before_the_upload_ends() -> None:
    with serve(Recorder()) as server, server.connect(_head(180_000) + b"x" * 10) as connection:
        assert read_answer(connection).status == 413


def test_reading_what_a_refused_client_sends_has_an_end() -> None:
    with (
        serve(Recorder()) as server,
        server.connect(_head(10**9)) as connection,
        pytest.raises(OSError, match=r"reset|pipe"),
    ):
        connection.sendall(b"x" * 50_000_000)


def test_a_client_that_asks_before_sending_is_refused_without_being_told_to_go_on() -> None:
    with serve(Recorder()) as server, server.connect(_head(10**6, "Expect: 100-continue")) as connection:
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_client_that_asks_before_sending_a_fitting_body_is_told_to_go_on() -> None:
    with serve(Recorder()) as server, server.connect(_head(5, "Expect: 100-continue")) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"hello")
        assert read_answer(connection).body == b"5"


def test_bodies_go_to_files_when_all_together_hold_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.body_buffers.BODIES_HELD_IN_MEMORY", 2)
    written: list[int] = []
    append = body_buffers._append

    def append_and_tell(file: IO[bytes] | None, parts: list[bytes]) -> IO[bytes]:
        written.append(len(parts))
        return append(file, parts)

    monkeypatch.setattr("webapp.body_buffers._append", append_and_tell)
    recorder = Recorder()
    with serve(recorder, body_memory_bytes=500) as server:
        held = [server.connect(_head(500) + b"x" * 400) for _ in range(3)]
        wait_until(lambda: bool(written) and server.bridge._bodies._memory.held_bytes == 800)
        for connection in held:
            connection.sendall(b"x" * 100)
            assert read_answer(connection).body == b"500"
            connection.close()
    assert server.bridge._bodies._memory.held_bytes == 0
    assert sum(isinstance(call["wsgi.input"], io.BytesIO) for call in recorder.calls) == 2


def test_an_upload_is_received_while_every_thread_is_busy() -> None:
    release, entered = threading.Event(), threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        entered.set()
        release.wait(60)
        start_response("200 OK", [])
        return [b"%d" % len(environ["wsgi.input"].read())]

    with serve(application, threads=1, body_seconds=1.0) as server:
        busy = server.connect(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert entered.wait(60)
        upload = server.connect(_head(50_000) + b"x" * 50_000)
        time.sleep(1.2)  # longer than an upload may take
        release.set()
        assert read_answer(upload).body == b"50000"
        busy.close()
        upload.close()


Messages = list[dict[str, Any]]


def _ask_directly(headers: list[tuple[bytes, bytes]], messages: Messages) -> tuple[Messages, Recorder]:
    """Call the bridge as a server would that, unlike uvicorn, does not check lengths by itself."""
    recorder, sent = Recorder(), []
    scope = {"type": "http", "method": "POST", "http_version": "1.1", "path": "/", "headers": headers}

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    bridge = HttpBridge(recorder, threads=1, body_seconds=5, body_memory_bytes=1000, body_max_bytes=10_000)
    asyncio.run(bridge(scope, receive, send))
    bridge.close()
    return sent, recorder


def _pieces(*bodies: bytes) -> Messages:
    return [{"type": "http.request", "body": body, "more_body": body is not bodies[-1]} for body in bodies]


def test_a_large_body_is_a_file_and_is_closed_after_the_view() -> None:
    _, recorder = _ask_directly([(b"content-length", b"1800")], _pieces(b"a" * 600, b"b" * 600, b"c" * 600))
    assert recorder.bodies == [b"a" * 600 + b"b" * 600 + b"c" * 600]
    assert not isinstance(recorder.calls[0]["wsgi.input"], io.BytesIO)
    assert recorder.calls[0]["wsgi.input"].closed


def test_a_body_that_cannot_be_kept_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("webapp.body_buffers.tempfile.TemporaryFile", no_space)
    sent, recorder = _ask_directly([(b"content-length", b"1800")], _pieces(b"a" * 600, b"b" * 600, b"c" * 600))
    assert sent[0]["status"] == 503
    assert b"retry-after" in dict(sent[0]["headers"])
    assert recorder.calls == []


@pytest.mark.parametrize("received", [b"1234", b"123456"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_body_of_another_length_than_announced_runs_no_view(received: bytes, pieces: int) -> None:
    messages = _pieces(received) if pieces == 1 else _pieces(b"", received)
    sent, recorder = _ask_directly([(b"content-length", b"5")], messages)
    assert sent[0]["status"] == 400
    assert recorder.calls == []


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"+5")],
        [(b"content-length", b"5"), (b"content-length", b"6")],
        [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
    ],
)
def test_headers_that_leave_the_length_open_to_doubt_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    sent, recorder = _ask_directly(headers, [{"type": "http.request", "body": b"12345", "more_body": False}])
    assert sent[0]["status"] == 400
    assert recorder.calls == []
