"""Sites that are busy, away or slow: what is sent again, after which pause, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from whatsit_client import AnswerLate, CallRefused, Client, Retries, SiteUnreachable

Answer = httpx.Response | Exception
BUSY = {"error": {"code": "too_many_requests", "message": "That was a lot at once.", "details": {}}}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("whatsit_client.sync_client.time.sleep", made.append)
    return made


def image_json(identifier: str, state: str = "done", name: str = "a.png") -> dict[str, Any]:
    prediction: dict[str, Any] = {"id": "p", "state": state, "label": "cat" if state == "done" else None}
    prediction |= {"confidence": 0.9, "unsure": False, "scores": []}
    return {
        "id": identifier,
        "name": name,
        "classifier": "pets",
        "state": state,
        "version": 1,
        "prediction": {**prediction, "model": None, "failure": None},
    }


def scripted(*answers: Answer, heard: list[httpx.Request]) -> Client:
    """A site that gives these answers one after the other."""
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        given = next(left)
        if isinstance(given, Exception):
            raise given
        return given

    return Client("http://site", transport=httpx.MockTransport(answer))


def busy(status: int = 429, *, retry_after: str = "") -> httpx.Response:
    return httpx.Response(status, json=BUSY, headers={"Retry-After": retry_after} if retry_after else {})


def stored() -> httpx.Response:
    return httpx.Response(201, json={"images": [image_json("1")], "rejected": []})


def test_a_busy_site_is_asked_again_after_its_pause_with_the_same_key(pauses: list[float]) -> None:
    heard: list[httpx.Request] = []
    with scripted(busy(retry_after="7"), busy(503), stored(), heard=heard) as client:
        client.upload([("a.png", b"x")])
    assert pauses[0] == 7
    assert 0.8 <= pauses[1] <= 1.2
    assert len({request.headers["Idempotency-Key"] for request in heard}) == 1


def test_a_lost_connection_is_tried_again_where_a_repeat_is_harmless(pauses: list[float]) -> None:
    heard: list[httpx.Request] = []
    lost = httpx.ReadError("connection reset")
    with scripted(lost, stored(), heard=heard) as client:
        assert client.upload([("a.png", b"x")]).images[0].id == "1"
    with scripted(lost, heard=heard) as client, pytest.raises(SiteUnreachable, match="connection reset"):
        client.review("1", "skip")
    with scripted(lost, heard=heard) as client, pytest.raises(SiteUnreachable):
        client.delete_image("1")
    with scripted(httpx.ConnectError("refused"), httpx.Response(204), heard=heard) as client:
        client.delete_image("1")


def test_it_gives_up_after_the_last_try_with_the_sites_own_words(pauses: list[float]) -> None:
    heard: list[httpx.Request] = []
    with scripted(*[busy() for _ in range(6)], heard=heard) as client, pytest.raises(CallRefused) as raised:
        client.image("1")
    assert (raised.value.code, raised.value.message) == ("too_many_requests", "That was a lot at once.")
    assert (len(heard), len(pauses)) == (6, 5)


def test_a_quota_that_lasts_for_hours_is_not_waited_for(pauses: list[float]) -> None:
    with scripted(busy(retry_after="36000"), heard=[]) as client, pytest.raises(CallRefused):
        client.image("1")
    assert pauses == []


def test_refusals_are_not_repeated(pauses: list[float]) -> None:
    refusal = httpx.Response(404, json={"error": {"code": "not_found", "message": "No.", "details": {"a": 1}}})
    with scripted(refusal, heard=[]) as client, pytest.raises(CallRefused) as raised:
        client.image("1")
    assert (raised.value.code, raised.value.status, raised.value.details) == ("not_found", 404, {"a": 1})


def test_an_answer_that_is_not_the_sites_is_said_with_its_status() -> None:
    page = httpx.Response(418, text="<html>")
    with scripted(page, heard=[]) as client, pytest.raises(CallRefused, match="site answered 418"):
        client.image("1")


def test_the_number_of_tries_can_be_chosen(pauses: list[float]) -> None:
    transport = httpx.MockTransport(lambda request: busy(503))
    with Client("http://site", retries=Retries(most=1), transport=transport) as client, pytest.raises(CallRefused):
        client.image("1")
    assert len(pauses) == 1


def slow_site(answers_after: int) -> Callable[[httpx.Request], httpx.Response]:
    """Pictures are answered at the nth look."""
    looks, numbers = count(), count()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            state = "done" if next(looks) >= answers_after else "queued"
            return httpx.Response(200, json=image_json(request.url.path.rpartition("/")[2], state))
        names = request.content.count(b'filename="')
        images = [image_json(str(next(numbers)), "queued") for _ in range(names)]
        return httpx.Response(201, json={"images": images, "rejected": []})

    return answer


def test_classify_looks_until_every_picture_is_answered(pauses: list[float]) -> None:
    answer = slow_site(answers_after=3)
    with Client("http://site", transport=httpx.MockTransport(answer)) as client:
        results = list(client.classify([(f"{number}.png", b"x") for number in range(5)], at_once=1, handful=2))
    assert [result.path for result in results] == [f"{number}.png" for number in range(5)]
    assert {result.label for result in results} == {"cat"}


def test_classify_says_when_the_time_is_over(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    answer = slow_site(answers_after=10**6)
    clock = count()
    monkeypatch.setattr("whatsit_client.handfuls.time.monotonic", lambda: float(next(clock)))
    with Client("http://site", transport=httpx.MockTransport(answer)) as client, pytest.raises(AnswerLate):
        list(client.classify([("a.png", b"x")], timeout=5))


def test_classify_reads_no_more_files_than_it_sends(pauses: list[float]) -> None:
    answer = slow_site(answers_after=0)
    read: list[int] = []

    def files() -> Iterator[tuple[str, bytes]]:
        for number in range(1000):
            read.append(number)
            yield f"{number}.png", b"x"

    with Client("http://site", transport=httpx.MockTransport(answer)) as client:
        results = client.classify(files(), at_once=2, handful=5)
        next(results)
        results.close()  # type: ignore[attr-defined] # a generator
    assert len(read) <= 4 * 5 + 1


def test_large_files_are_sent_in_smaller_handfuls(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsit_client.files.HANDFUL_BYTES", 10)
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        names = request.content.count(b'filename="')
        sizes.append(names)
        return httpx.Response(201, json={"images": [image_json(str(n)) for n in range(names)], "rejected": []})

    with Client("http://site", transport=httpx.MockTransport(answer)) as client:
        assert len(list(client.classify([("a", b"x" * 6), ("b", b"x" * 6), ("c", b"x" * 4)], at_once=1))) == 3
    assert sizes == [1, 2]


def test_files_that_cannot_be_read_or_are_refused_have_their_reason(tmp_path: Path) -> None:
    rejected = [{"index": 0, "name": "a", "code": "empty_file", "message": "This file is empty."}]
    nothing = {"error": {"code": "empty_file", "message": "This file is empty.", "details": {"rejected": rejected}}}
    with scripted(httpx.Response(422, content=json.dumps(nothing)), heard=[]) as client:
        gone, empty = client.classify([tmp_path / "gone.png", ("a", b"")])
    assert gone.rejection
    assert gone.rejection.code == "unreadable"
    assert empty.rejection
    assert (empty.rejection.code, empty.label) == ("empty_file", None)


def test_trouble_with_the_request_itself_is_raised_from_classify() -> None:
    refusal = {"error": {"code": "not_found", "message": "No such classifier.", "details": {}}}
    with scripted(httpx.Response(404, json=refusal), heard=[]) as client, pytest.raises(CallRefused, match="No such"):
        list(client.classify([("a", b"x")], classifier="nobody"))
