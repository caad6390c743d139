"""What a WSGI application sees of a request, and what a client sees of its answer."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from tests.webapp.bridge_server import Environ, Recorder, StartResponse, read_answer, serve, wait_until
from webapp.http_bridge import HttpBridge


def test_a_request_reaches_the_application_and_its_answer_the_client() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        answer = server.post(b"hello", "/a/b?c=d")
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"5", "1")
    environ = recorder.calls[0]
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["PATH_INFO"] == "/a/b"
    assert environ["QUERY_STRING"] == "c=d"
    assert environ["CONTENT_LENGTH"] == "5"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["SERVER_PORT"] == str(server.port)


def test_a_connection_serves_request_after_request() -> None:
    recorder = Recorder()
    with serve(recorder) as server, server.connect() as connection:
        for body in (b"", b"ab", b"x" * 5000, b"c"):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            assert read_answer(connection).body == b"%d" % len(body)
    assert [len(body) for body in recorder.bodies] == [0, 2, 5000, 1]


def test_the_path_keeps_bytes_that_are_not_utf_8() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        server.get("/%E9/%2F/caf%C3%A9")
    assert recorder.calls[0]["PATH_INFO"].encode("latin-1") == b"/\xe9///caf\xc3\xa9"


def test_a_root_path_becomes_the_script_name() -> None:
    recorder = Recorder()
    with serve(recorder, root_path="/images") as server:
        server.get("/page")
    assert (recorder.calls[0]["SCRIPT_NAME"], recorder.calls[0]["PATH_INFO"]) == ("/images", "/page")


def test_a_header_with_an_underscore_does_not_pass_for_its_twin() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        server.get(headers="X_Forwarded_For: 6.6.6.6\r\nX-Real-Name: ann\r\n")
    assert "HTTP_X_FORWARDED_FOR" not in recorder.calls[0]
    assert recorder.calls[0]["HTTP_X_REAL_NAME"] == "ann"


def test_repeated_headers_are_joined_and_cookies_in_their_own_way() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        server.get(headers="Accept: a\r\nAccept: b\r\nCookie: one=1\r\nCookie: two=2\r\n")
    assert recorder.calls[0]["HTTP_ACCEPT"] == "a,b"
    assert recorder.calls[0]["HTTP_COOKIE"] == "one=1; two=2"


def test_content_headers_have_no_prefix() -> None:
    recorder = Recorder()
    with serve(recorder) as server:
        server.exchange(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\nx")
    assert recorder.calls[0]["CONTENT_TYPE"] == "image/png"
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(recorder.calls[0])


def test_every_cookie_that_is_set_arrives() -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return [b""]

    with serve(application) as server:
        answer = server.get()
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]


def test_headers_of_the_connection_are_left_to_the_server() -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Date", "never"), ("Server", "mine"), ("Transfer-Encoding", "chunked")])
        return [b"ok"]

    with serve(application) as server:
        answer = server.get()
    assert answer.body == b"ok"
    names = [name for name, _ in answer.headers]
    assert names.count("date") == 1
    assert names.count("server") == 1
    assert ("server", "mine") not in answer.headers
    assert "transfer-encoding" not in names


def test_head_tells_the_length_and_sends_nothing() -> None:
    with serve(Recorder()) as server, server.connect() as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: t\r\n\r\n")
        head = read_answer(connection, method="HEAD")
        connection.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        after = read_answer(connection)
    assert (head.status, head.header("content-length"), head.body) == (200, "1", b"")
    assert after.body == b"0"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_that_may_have_no_body_has_none(status: str) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response(status, [("Content-Length", "7")])
        return [b"ignored"]

    with serve(application) as server, server.connect() as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            answer = read_answer(connection)
            assert (answer.status, answer.body, answer.header("content-length")) == (int(status[:3]), b"", None)


def test_an_application_that_fails_answers_500_in_the_shape_of_all_errors() -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        raise RuntimeError("a secret of the house")

    with serve(application) as server:
        answer = server.get()
    assert answer.status == 500
    assert answer.error_code
    assert b"secret" not in answer.body


def test_no_more_views_run_at_once_than_there_are_threads() -> None:
    running, most, lock, three = [0], [0], threading.Lock(), threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 3:
                three.set()
        assert three.wait(60)
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        start_response("200 OK", [])
        return [threading.current_thread().name.encode()]

    with serve(application, threads=3) as server:
        connections = [server.connect(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n") for _ in range(20)]
        names = {read_answer(connection).body for connection in connections}
        for connection in connections:
            connection.close()
    assert most[0] == 3
    assert len(names) == 3


def test_a_queue_that_is_full_asks_to_come_back() -> None:
    release = threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        release.wait(120)
        start_response("200 OK", [])
        return [b"ok"]

    request = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
    with serve(application, threads=1, max_waiting=2) as server:
        connections = [server.connect(request) for _ in range(3)]
        wait_until(lambda: not server.bridge._threads.has_room)
        refused = server.exchange(request)
        release.set()
        statuses = [read_answer(connection).status for connection in connections]
        for connection in connections:
            connection.close()
    assert (refused.status, refused.error_code) == (503, "try_later")
    assert refused.header("retry-after") is not None
    assert statuses == [200, 200, 200]


def test_a_request_that_waited_too_long_for_its_turn_is_asked_to_come_back() -> None:
    started, release, calls = threading.Event(), threading.Event(), list[str]()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        started.set()
        release.wait(120)
        start_response("200 OK", [])
        return [b"ok"]

    with serve(application, threads=1) as server, server.connect(b"GET /1 HTTP/1.1\r\nHost: t\r\n\r\n") as first:
        assert started.wait(60)
        server.bridge._max_wait_seconds = 0.0
        with server.connect(b"GET /2 HTTP/1.1\r\nHost: t\r\n\r\n") as second:
            wait_until(lambda: server.bridge._threads._in_flight == 2)
            release.set()
            refused, answered = read_answer(second), read_answer(first)
    assert (refused.status, refused.error_code, answered.status) == (503, "try_later", 200)
    assert refused.header("retry-after") is not None
    assert calls == ["/1"]


def test_a_stop_lets_running_requests_finish() -> None:
    started, release = threading.Event(), threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        started.set()
        release.wait(120)
        start_response("200 OK", [])
        return [b"finished"]

    with serve(application) as server, server.connect(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n") as connection:
        assert started.wait(60)
        server.server.should_exit = True
        time.sleep(0.3)  # long enough for the server to have begun to stop
        release.set()
        assert read_answer(connection).body == b"finished"


def test_a_view_that_hangs_does_not_keep_the_process_from_stopping() -> None:
    release, closed = threading.Event(), threading.Event()

    class Closing(list[bytes]):
        def close(self) -> None:
            closed.set()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        release.wait(120)
        start_response("200 OK", [])
        return Closing([b"late"])

    with serve(application, graceful_seconds=1) as server, server.connect(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"):
        wait_until(lambda: server.bridge._threads._in_flight == 1)
        server.server.should_exit = True
        server.thread.join(60)
        assert not server.thread.is_alive()
        release.set()
        assert closed.wait(60), "the late answer was not closed"


def test_other_kinds_of_connections_are_not_taken() -> None:
    bridge = HttpBridge(Recorder(), threads=1, body_seconds=1, body_memory_bytes=1, body_max_bytes=1)

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nothing should be received or sent")

    with pytest.raises(ValueError, match="websocket"):
        asyncio.run(bridge({"type": "websocket"}, nothing, nothing))
