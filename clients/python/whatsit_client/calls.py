"""Every call of the API as a value: what is sent and how its answer is read. Nothing here touches the network."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from whatsit_client.answers import Document, Image, Page, Upload
from whatsit_client.files import Picture

Value = TypeVar("Value")
WAIT_SECONDS = 30.0
"""The longest time for which the site holds an answer back."""


@dataclass(frozen=True)
class Call(Generic[Value]):
    """One request. `is_repeatable`: a second one does no harm, so it is sent again when no answer came."""

    method: str
    path: str
    read: Callable[[Any], Value]
    query: Mapping[str, str | int | float] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()
    key: str = ""

    @property
    def is_repeatable(self) -> bool:
        return bool(self.key) or self.method == "GET"

    def as_request(self) -> dict[str, Any]:
        """The arguments of `httpx.Client.request`."""
        request: dict[str, Any] = {"method": self.method, "url": f"/api/v1{self.path}", "params": dict(self.query)}
        if self.key:
            request["headers"] = {"Idempotency-Key": self.key}
        if self.body is not None:
            request["json"] = dict(self.body)
        if self.pictures:
            request["files"] = [("file", (picture.name, picture.data)) for picture in self.pictures]
            request["data"] = dict(self.form)
        return request


def upload(
    pictures: Sequence[Picture], *, classifier: str | None, model: str | None, wait: float, key: str | None
) -> Call[Upload]:
    """Without a key it gets one of its own, so that a repeat stores nothing twice."""
    return Call(
        "POST",
        "/images",
        Upload.read,
        query=_said(wait=wait or None, model=model),
        form=_said(classifier=classifier),
        pictures=pictures,
        key=key or str(uuid.uuid4()),
    )


def read_image(image_id: str, *, wait: float = 0.0) -> Call[Image]:
    return Call("GET", _join(["images", image_id]), Image.read, query=_said(wait=wait or None))


def list_images(filters: Mapping[str, Any]) -> Call[Page[Image]]:
    return Call("GET", "/images", lambda raw: _read_page(raw, "images", Image.read), query=_said(**filters))


def delete_image(image_id: str) -> Call[None]:
    return Call("DELETE", _join(["images", image_id]), lambda raw: None)


def ask_again(image_id: str, *, model: str | None, wait: float) -> Call[Image]:
    path = _join(["images", image_id, "predictions"])
    return Call("POST", path, Image.read, query=_said(wait=wait or None), body=_said(model=model))


def review(image_id: str, verdict: str, *, label: str | None, version: int | None) -> Call[Image]:
    body = {"verdict": verdict, **_said(label=label, version=version)}
    return Call("POST", _join(["images", image_id, "reviews"]), Image.read, body=body)


def read_document(*path: str) -> Call[Document]:
    return Call("GET", _join(path), _as_document)


def list_documents(path: str, name: str, filters: Mapping[str, Any]) -> Call[Page[Document]]:
    """`name` is the list's in the answer."""
    return Call("GET", path, lambda raw: _read_page(raw, name, _as_document), query=_said(**filters))


def start(body: Mapping[str, Any] | None, *path: str) -> Call[Document]:
    """A POST that begins something on the site, once: with a key of its own."""
    return Call("POST", _join(path), _as_document, body=body, key=str(uuid.uuid4()))


def _join(parts: Sequence[str]) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _as_document(raw: Any) -> Document:
    document: Document = raw
    return document


def _read_page(raw: Mapping[str, Any], name: str, read: Callable[[Any], Value]) -> Page[Value]:
    return Page([read(entry) for entry in raw[name]], raw["next_cursor"])


def _said(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
