"""What a message says: a picture's bytes or JSON, with an id and a place for the answer whatever it holds."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.row_makers import png_bytes
from webapp.gateway.message_formats import Request, read_message
from webapp.gateway.protocol import GatewayOptions, Message

OPTIONS = GatewayOptions("req_predict", "res_predict", "req_predict_dead", "whatsit", in_hand=8, most_bytes=20_000)
PICTURE = png_bytes(1)
ENCODED = base64.b64encode(PICTURE).decode()


def read(body: bytes | dict[str, Any], **facts: Any) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_message(Message(data, "0-17", **facts), OPTIONS)


def problem_of(request: Request) -> str:
    assert request.problem is not None
    return request.problem.message


def test_bytes_are_a_picture_with_the_key_as_its_id() -> None:
    request = read(PICTURE, key="mine")
    assert (request.id, request.kind, request.picture) == ("mine", "predict", PICTURE)
    assert (request.reply_to, request.classifier, request.problem) == ("res_predict", None, None)


def test_bytes_without_a_key_are_named_as_the_broker_names_them() -> None:
    assert read(PICTURE).id == "0-17"


def test_json_carries_the_picture_and_says_where_the_answer_goes() -> None:
    request = read({"id": "a", "image_base64": ENCODED, "classifier": "pets", "reply_to": "mine.answers"}, key="k")
    assert (request.id, request.picture, request.classifier, request.reply_to) == ("a", PICTURE, "pets", "mine.answers")


def test_a_waiting_asker_is_answered_whatever_the_body_says() -> None:
    assert read({"image_base64": ENCODED, "reply_to": "elsewhere"}, reply_to="_INBOX.x").reply_to == "_INBOX.x"


def test_a_number_is_a_good_id() -> None:
    assert read({"id": 17, "image_base64": ENCODED}).id == "17"


def test_the_same_picture_asks_the_same_in_bytes_and_in_json() -> None:
    assert read(PICTURE).fingerprint == read({"image_base64": ENCODED}).fingerprint


@pytest.mark.parametrize(
    "other", [{"classifier": "pets"}, {"model": "3"}, {"image_base64": base64.b64encode(b"x").decode()}]
)
def test_another_question_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert read({"image_base64": ENCODED, **other}).fingerprint != read({"image_base64": ENCODED}).fingerprint


def test_where_the_answer_goes_is_no_part_of_the_question() -> None:
    asked = {"id": "a", "image_base64": ENCODED}
    assert read({**asked, "reply_to": "one"}).fingerprint == read({**asked, "reply_to": "two"}).fingerprint


def test_a_command_keeps_its_own_options() -> None:
    request = read({"id": "t", "command": "train", "classifier": "pets", "epochs": 3, "batch-size": 16})
    assert (request.kind, request.classifier, request.options) == ("train", "pets", {"epochs": 3, "batch_size": 16})


BAD: dict[str, tuple[bytes | dict[str, Any], str]] = {
    "no JSON": (b'{"id": "a", ', "no valid JSON"),
    "not base64": ({"id": "a", "image_base64": "§§"}, "not base64"),
    "no picture": ({"id": "a"}, "either"),
    "two pictures": ({"id": "a", "image_base64": ENCODED, "image_url_key": "inbox/a"}, "either"),
    "a field nobody knows": ({"id": "a", "image_base64": ENCODED, "clasifier": "pets"}, "clasifier"),
    "a command nobody knows": ({"id": "a", "command": "delete"}, "must be predict, train or evaluate"),
    "an answer into the requests": ({"id": "a", "image_base64": ENCODED, "reply_to": "req_predict"}, "must not be"),
    "an address with blanks": ({"id": "a", "image_base64": ENCODED, "reply_to": "a b"}, "topic's name"),
    "text that is none": ({"id": "a", "image_base64": ["x"]}, "must be text"),
    "an id too long": ({"id": "a" * 201, "image_base64": ENCODED}, "at most 200"),
    "a NUL": ({"id": "a", "image_base64": ENCODED, "classifier": "pe\0ts"}, "printable"),
    "nothing": (b"", "empty"),
    "too much": (b"x" * 20_001, "too large"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_says_why_and_still_has_an_address(case: str) -> None:
    body, sentence = BAD[case]
    request = read(body, key="the-key")
    assert sentence in problem_of(request)
    assert request.id in {"a", "the-key"}
    assert request.reply_to == "res_predict"


def test_what_cannot_be_read_goes_to_the_place_it_named_itself() -> None:
    assert read({"id": "a", "reply_to": "mine"}).reply_to == "mine"
