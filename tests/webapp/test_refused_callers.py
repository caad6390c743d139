"""Repeats of a caller who was told to wait: answered without a thread, for seconds, and nobody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.webapp.bridge_server import Environ, StartResponse, serve
from webapp.refused_callers import REMEMBERED_CALLERS, RefusedCallers

REFUSED = [(b"ratelimit-remaining", b"0"), (b"ratelimit-reset", b"40"), (b"retry-after", b"40")]


def call(**changes: str) -> dict[str, Any]:
    return {"REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/images", "HTTP_COOKIE": "v=1", **changes}


@pytest.fixture
def moments() -> list[float]:
    return [100.0]


@pytest.fixture
def callers(moments: list[float]) -> RefusedCallers:
    made = RefusedCallers(lambda: moments[-1])
    made.note(call(), 429, [*REFUSED, (b"set-cookie", b"v=2"), (b"x-request-id", b"first")], b"no")
    return made


def test_the_same_caller_gets_the_same_answer_with_an_id_of_its_own(callers: RefusedCallers) -> None:
    again = callers.find(call())
    assert again is not None
    headers = dict(again.headers_now())
    assert (headers[b"retry-after"], headers[b"content-length"], again.body) == (b"40", b"2", b"no")
    assert len(headers.pop(b"x-request-id")) == 16
    assert b"set-cookie" not in headers


@pytest.mark.parametrize(
    "changes",
    [
        {"HTTP_COOKIE": "v=9"},
        {"HTTP_AUTHORIZATION": "Bearer x"},
        {"REMOTE_ADDR": "10.0.0.9"},
        {"HTTP_X_FORWARDED_FOR": "10.0.0.9"},
        {"REQUEST_METHOD": "GET"},
        {"PATH_INFO": "/api/v1/classifiers"},
    ],
)
def test_another_caller_or_call_is_asked_anew(callers: RefusedCallers, changes: dict[str, str]) -> None:
    assert callers.find(call(**changes)) is None


def test_after_five_seconds_the_counters_decide_again(callers: RefusedCallers, moments: list[float]) -> None:
    moments.append(moments[-1] + 4.9)
    assert callers.find(call())
    moments.append(moments[-1] + 0.1)
    assert callers.find(call()) is None


def test_one_of_a_flood_asks_again_and_its_answer_holds_for_all(callers: RefusedCallers, moments: list[float]) -> None:
    moments.append(moments[-1] + 5.0)
    assert [callers.find(call()) is None for _ in range(3)] == [True, False, False]
    callers.note(call(), 201, [], b"taken")
    assert callers.find(call()) is None


def test_a_limit_that_ends_sooner_is_remembered_no_longer(moments: list[float]) -> None:
    callers = RefusedCallers(lambda: moments[-1])
    callers.note(call(), 429, [(b"ratelimit-remaining", b"0"), (b"ratelimit-reset", b"2")], b"no")
    moments.append(moments[-1] + 2.0)
    assert callers.find(call()) is None


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/api/v1/images", 201, REFUSED),
        ("/api/v1/images", 503, REFUSED),
        ("/api/v1/images", 429, [(b"ratelimit-remaining", b"3"), (b"ratelimit-reset", b"40")]),
        ("/api/v1/images", 429, [(b"retry-after", b"40")]),
        ("/", 429, REFUSED),
    ],
)
def test_an_answer_that_a_repeat_may_not_get_is_not_remembered(
    path: str, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    callers = RefusedCallers()
    callers.note(call(PATH_INFO=path), status, headers, b"no")
    assert callers.find(call(PATH_INFO=path)) is None


def test_endless_new_callers_fill_no_memory(callers: RefusedCallers) -> None:
    for number in range(REMEMBERED_CALLERS):
        callers.note(call(HTTP_COOKIE=f"v=x{number}"), 429, REFUSED, b"no")
    assert len(callers._refusals) <= REMEMBERED_CALLERS


def test_a_flood_of_one_caller_reaches_the_application_once() -> None:
    reached = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        reached.append(environ["PATH_INFO"])
        start_response("429 Too Many Requests", [(name.decode(), value.decode()) for name, value in REFUSED])
        return [json.dumps({"error": {"code": "too_many_requests"}}).encode()]

    with serve(application, repeat_pause_seconds=0.01) as server:
        answers = [server.post(b"x" * 50_000, "/api/v1/images") for _ in range(10)]
    assert [(each.status, each.error_code, each.header("retry-after")) for each in answers] == [
        (429, "too_many_requests", "40")
    ] * 10
    assert len(reached) == 1
