"""A view that asks to be rendered again: the request waits, no thread does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from tests.webapp.bridge_server import BridgeServer, Environ, StartResponse, read_answer, serve, wait_until
from webapp.result_waiter import ResultWaiter

REQUEST = b"POST /wait HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"


class Views:
    """`/wait` waits for one image; everything else answers at once."""

    def __init__(self, *, seconds: float = 120.0, render: Callable[[], bytes] | None = None) -> None:
        self.done: set[str] = set()
        self.rendered_by: list[str] = []
        self._seconds = seconds
        self._render = render or self._render_state

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"] == "/wait":
            holder = environ["whatsit.wait"]
            holder.image_ids = ["a"]
            holder.seconds = self._seconds
            holder.render = self._render
        start_response("201 Created", [("Content-Type", "application/json"), ("X-Request-ID", "r1"), ("ETag", "old")])
        return [b'{"state": "queued"}']

    def find_done(self, wanted: set[str]) -> set[str]:
        return self.done & wanted

    def waiter(self) -> ResultWaiter:
        return ResultWaiter(self.find_done, 0.01)

    def _render_state(self) -> bytes:
        self.rendered_by.append(threading.current_thread().name)
        return b'{"state": "done", "label": "Bag"}' if self.done else b'{"state": "queued"}'


def test_the_answer_is_rendered_again_when_the_result_is_there() -> None:
    views = Views()
    waiter = views.waiter()
    with serve(views, waiter=waiter) as server, server.connect(REQUEST) as connection:
        wait_until(lambda: waiter.waiting == 1)
        views.done.add("a")
        answer = read_answer(connection)
    assert (answer.status, json.loads(answer.body)["state"]) == (201, "done")
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("x-request-id") == "r1"
    assert answer.header("etag") is None, "it described the first body"
    assert views.rendered_by[0].startswith("request-")


def test_the_answer_says_how_things_stand_when_the_time_is_over() -> None:
    views = Views(seconds=0.1)
    with serve(views, waiter=views.waiter()) as server:
        answer = server.exchange(REQUEST)
    assert (answer.status, json.loads(answer.body)["state"]) == (201, "queued")


def test_a_view_that_does_not_ask_is_answered_at_once() -> None:
    views = Views()
    with serve(views, waiter=views.waiter()) as server:
        assert server.get("/").body == b'{"state": "queued"}'
    assert views.rendered_by == []


def test_a_rendering_that_fails_leaves_the_first_answer() -> None:
    def fail() -> bytes:
        raise RuntimeError("broken")

    views = Views(render=fail)
    views.done.add("a")
    with serve(views, waiter=views.waiter()) as server:
        answer = server.exchange(REQUEST)
    assert (answer.status, answer.body, answer.header("etag")) == (201, b'{"state": "queued"}', "old")


def test_a_client_that_leaves_is_not_waited_for_any_more() -> None:
    views = Views()
    waiter = views.waiter()
    with serve(views, waiter=waiter) as server:
        connection = server.connect(REQUEST)
        wait_until(lambda: waiter.waiting == 1)
        connection.close()
        wait_until(lambda: waiter.waiting == 0)
    assert views.rendered_by == []


def test_two_hundred_who_wait_leave_the_others_quick() -> None:
    views = Views()
    waiter = views.waiter()
    with serve(views, waiter=waiter, threads=32) as server:
        waiting = [server.connect(REQUEST) for _ in range(200)]
        wait_until(lambda: waiter.waiting == 200)
        seconds = sorted(_time_one(server) for _ in range(200))
        assert waiter.waiting == 200
        views.done.add("a")
        states = {json.loads(read_answer(connection).body)["state"] for connection in waiting}
        for connection in waiting:
            connection.close()
    assert states == {"done"}
    assert seconds[int(0.95 * len(seconds))] <= 1


def _time_one(server: BridgeServer) -> float:
    started = time.monotonic()
    assert server.get("/").status == 201
    return time.monotonic() - started


def test_a_stop_answers_those_who_wait() -> None:
    views = Views()
    waiter = views.waiter()
    with serve(views, waiter=waiter) as server, server.connect(REQUEST) as connection:
        wait_until(lambda: waiter.waiting == 1)
        server.server.should_exit = True
        waiter.release_all()
        assert json.loads(read_answer(connection).body)["state"] == "queued"
        server.thread.join(60)
        assert not server.thread.is_alive()
