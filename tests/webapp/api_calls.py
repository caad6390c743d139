"""Calling the API as the tests do: multipart parts, JSON answers."""

from __future__ import annotations

import io
from typing import Any, Protocol

from django.test import Client

from tests.row_makers import png_bytes

IMAGES = "/api/v1/images"
UNKNOWN = ("01a1fbed-5e5c-7c2d-854c-dd29f039aa02", "nonsense")


class Answered(Protocol):
    """What a test client's answer offers beyond Django's own."""

    status_code: int
    content: bytes

    def json(self) -> Any: ...

    def __getitem__(self, header: str) -> str: ...


def part(data: bytes, name: str) -> io.BytesIO:
    """One part named `file`."""
    file = io.BytesIO(data)
    file.name = name
    return file


def send(client: Client, *seeds: int, query: str = "", key: str = "", **fields: str) -> Answered:
    """Post pictures that follow from these seeds."""
    return send_parts(client, *((png_bytes(seed), f"{seed}.png") for seed in seeds), query=query, key=key, **fields)


def send_parts(client: Client, *parts: tuple[bytes, str], query: str = "", key: str = "", **fields: str) -> Answered:
    """Post these (bytes, name) parts in this order."""
    headers = {"Idempotency-Key": key} if key else {}
    body: dict[str, Any] = {"file": [part(*each) for each in parts], **fields}
    answer: Answered = client.post(IMAGES + query, body, headers=headers)
    return answer


def first_id(answer: Answered) -> str:
    """The id of the first accepted image."""
    identifier: str = answer.json()["images"][0]["id"]
    return identifier


def error_of(answer: Answered) -> tuple[int, str]:
    """Status and code; checks the shape that every error has."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["message"].endswith(".")
    return answer.status_code, body["error"]["code"]
