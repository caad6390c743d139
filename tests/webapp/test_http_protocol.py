"""Connections that stand still: unfinished headers and unread answers end them, everything else does not."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import pytest

from tests.webapp.bridge_server import BridgeServer, Recorder, read_answer, serve
from webapp.http_protocol import HttpProtocol

LARGE = 20_000_000
QUESTION = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


class HastyProtocol(HttpProtocol):
    header_seconds: ClassVar[float] = 0.3
    unread_seconds: ClassVar[float] = 0.3
    look_seconds: ClassVar[float] = 0.02


class PatientProtocol(HastyProtocol):
    """For who comes in time: a busy machine may hold a client up for a while."""

    header_seconds: ClassVar[float] = 1.5
    unread_seconds: ClassVar[float] = 1.5


def answer_large(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Whole, or streamed where the path says so."""
    start_response("200 OK", [("Content-Length", str(LARGE))])
    if environ["PATH_INFO"] == "/streamed":
        return (bytes(100_000) for _ in range(LARGE // 100_000))
    return [bytes(LARGE)]


@pytest.fixture(scope="module")
def server() -> Iterator[BridgeServer]:
    with serve(Recorder(), http=HastyProtocol) as running:
        yield running


@pytest.fixture(scope="module")
def large() -> Iterator[BridgeServer]:
    with serve(answer_large, http=HastyProtocol) as running:
        yield running


def is_cut_off(connection: socket.socket, seconds: float = 5.0) -> bool:
    """Whether the server ends the connection within so long, without an answer."""
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError):
        try:
            return connection.recv(1) == b""
        except TimeoutError:
            return False
    return True


def trickle(connection: socket.socket, data: bytes) -> bool:
    """Send a byte now and then for up to five seconds; whether the server ended it."""
    with contextlib.suppress(ConnectionError):
        for place in range(100):
            connection.sendall(data[place % len(data) :][:1])
            time.sleep(0.05)
        return False
    return True


@pytest.mark.parametrize("begun", [b"", b"GET", QUESTION[:-2], QUESTION + QUESTION[:-2]], ids=str)
def test_who_does_not_finish_the_headers_is_cut_off(server: BridgeServer, begun: bytes) -> None:
    with server.connect(begun) as connection:
        if begun.startswith(QUESTION):
            assert read_answer(connection).status == 200
        assert is_cut_off(connection)


@pytest.mark.parametrize("piece", [b"X-A: b\r\n", b"\r\n"], ids=["headers without end", "empty lines between requests"])
def test_a_byte_now_and_then_wins_no_time(server: BridgeServer, piece: bytes) -> None:
    with server.connect(QUESTION if piece == b"\r\n" else QUESTION[:-2]) as connection:
        assert trickle(connection, piece)


def test_a_body_may_take_longer_than_the_headers(server: BridgeServer) -> None:
    with server.connect(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n") as connection:
        time.sleep(0.5)  # longer than the headers may take
        connection.sendall(b"abc")
        assert read_answer(connection).body == b"3"


def test_requests_one_after_the_other_are_answered_however_long_it_goes_on() -> None:
    ends = time.monotonic() + PatientProtocol.header_seconds + 0.5
    with serve(Recorder(), http=PatientProtocol) as patient, patient.connect() as connection:
        while time.monotonic() < ends:
            connection.sendall(QUESTION * 2)
            # Both answers may come in one piece, which whoever reads only the first would swallow.
            received = b""
            while received.count(b"HTTP/1.1 200") < 2:
                piece = connection.recv(65_536)
                assert piece, "the server has ended the connection"
                received += piece
            time.sleep(0.05)


@pytest.mark.parametrize("path", ["/", "/streamed"])
def test_who_takes_nothing_of_an_answer_is_cut_off(large: BridgeServer, path: str) -> None:
    with large.connect(QUESTION.replace(b"/ ", path.encode() + b" ", 1)) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(1)  # longer than an answer may lie unread
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(1_000_000):
                received += len(piece)
        assert received < LARGE - 1000


def test_who_takes_an_answer_slowly_gets_it_whole() -> None:
    with serve(answer_large, http=PatientProtocol) as patient, patient.connect(QUESTION) as connection:
        received = 0
        while received < LARGE:
            received += len(connection.recv(1_000_000))
            time.sleep(0.1)
