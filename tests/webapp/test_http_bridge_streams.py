"""Streamed answers: part by part, no faster than the client, and always closed."""

from __future__ import annotations

import http.client
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

from tests.webapp.bridge_server import Application, Environ, StartResponse, read_answer, serve, wait_until

REQUEST = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"


class Parts:
    """An iterable answer that remembers how far it got and whether it was closed."""

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        self.made = 0
        self.closes = 0
        self._source = make()

    def __iter__(self) -> Iterator[bytes]:
        for part in self._source:
            self.made += 1
            yield part

    def close(self) -> None:
        self.closes += 1

    def __call__(self, environ: Environ, start_response: StartResponse) -> Parts:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self


def _django_answer(make: Callable[[], HttpResponseBase]) -> Application:
    """What Django's WSGI handler does with a response."""

    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        response = make()
        start_response(f"{response.status_code} OK", list(response.items()))
        if isinstance(response, FileResponse) and response.file_to_stream is not None:
            response.file_to_stream.close = response.close  # type: ignore[method-assign]
            return environ["wsgi.file_wrapper"](response.file_to_stream, response.block_size)  # type: ignore[no-any-return]
        return response  # type: ignore[return-value]

    return application


def test_a_streamed_answer_arrives_whole_and_is_closed_once() -> None:
    answer = Parts(lambda: (b"%d," % number for number in range(20_000)))
    with serve(answer) as server:
        received = server.get()
    assert received.body == b"".join(b"%d," % number for number in range(20_000))
    assert received.header("transfer-encoding") == "chunked"
    assert answer.closes == 1


def test_a_part_is_sent_before_the_next_one_is_made() -> None:
    release = threading.Event()

    def make() -> Iterator[bytes]:
        yield b"first"
        release.wait(60)
        yield b"second"

    with serve(Parts(make)) as server, server.connect(REQUEST) as connection:
        received = b""
        while b"first" not in received:
            received += connection.recv(1000)
        release.set()
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(1000)
    assert b"second" in received


def test_an_application_may_be_a_generator() -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("202 Accepted", [])
        yield b"a"
        yield b"b"

    with serve(application) as server:
        answer = server.get()
    assert (answer.status, answer.body) == (202, b"ab")


def test_what_was_written_the_old_way_comes_first() -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])(b"written ")
        return [b"returned"]

    with serve(application) as server:
        assert server.get().body == b"written returned"


def _has_come_to_rest(answer: Parts) -> bool:
    made = answer.made
    time.sleep(0.3)
    return 0 < answer.made == made


def test_a_client_that_takes_nothing_stops_the_making_and_holds_no_thread() -> None:
    answer = Parts(lambda: (b"x" * 65_536 for _ in range(2000)))

    def application(environ: Environ, start_response: StartResponse) -> Parts | list[bytes]:
        if environ["PATH_INFO"] == "/large":
            return answer(environ, start_response)
        start_response("200 OK", [])
        return [b"quick"]

    large = b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n"
    with serve(application, threads=1, body_seconds=60) as server, server.connect(large) as slow:
        wait_until(lambda: _has_come_to_rest(answer))
        assert answer.made < 500
        assert server.get().body == b"quick"
        assert len(read_answer(slow).body) == 2000 * 65_536
    assert answer.closes == 1


def test_a_client_that_leaves_stops_the_making() -> None:
    answer = Parts(lambda: (b"x" * 1000 for _ in iter(lambda: time.sleep(0.001), 1)))
    with serve(answer) as server:
        connection = server.connect(REQUEST)
        connection.recv(100)
        connection.close()
        wait_until(lambda: answer.closes == 1)
        made = answer.made
        wait_until(lambda: server.bridge._threads._in_flight == 0)
    assert answer.made == made


def test_a_client_that_never_reads_is_cut_off() -> None:
    answer = Parts(lambda: (b"x" * 65_536 for _ in range(2000)))
    with serve(answer, body_seconds=0.3) as server, server.connect(REQUEST):
        wait_until(lambda: answer.closes == 1)
    assert answer.made < 500


def test_an_answer_that_breaks_off_does_not_look_complete() -> None:
    def make() -> Iterator[bytes]:
        yield b"x" * 10
        raise RuntimeError("broken")

    answer = Parts(make)
    with serve(answer) as server, pytest.raises(http.client.IncompleteRead):
        server.get()
    assert answer.closes == 1


def test_head_on_a_streamed_answer_makes_no_part() -> None:
    answer = Parts(lambda: iter([b"x"]))
    with serve(answer) as server:
        assert server.get(method="HEAD").body == b""
    assert (answer.made, answer.closes) == (0, 1)


@pytest.mark.parametrize("size", [0, 10, 262_144, 3_000_000])
def test_a_file_response_arrives_whole_and_closes_its_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(bytes(index % 253 for index in range(size)))
    opened: list[io.BufferedReader] = []

    def make() -> FileResponse:
        opened.append(path.open("rb"))
        return FileResponse(opened[-1])

    with serve(_django_answer(make)) as server:
        answer = server.get()
    assert answer.header("content-length") == str(size)
    assert answer.body == path.read_bytes()
    assert opened[0].closed


def test_a_streaming_response_of_django_arrives_whole() -> None:
    with serve(_django_answer(lambda: StreamingHttpResponse(iter(["a", b"b", "c"])))) as server:
        assert server.get().body == b"abc"
