"""What all resources share: JSON answers, pages by cursor, and acting once for an Idempotency-Key."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Header, Schema
from pydantic import ConfigDict, Field

from classifier.idempotency import answer_once, fingerprint_call, key_request
from classifier.page_cursors import read_cursor, write_cursor
from webapp.access import asking_owner

Row = TypeVar("Row", bound=Model)
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A text of your own, up to 200 characters. A repeat with the same key within a day does nothing "
        "and gets the first answer.",
    ),
]


# Only told, not checked here: whoever reads a cursor has a better sentence for a wrong one.
Cursor = Annotated[
    str | None,
    Field(
        description="`next_cursor` of the page before; without it the first page",
        json_schema_extra={"pattern": "^([A-Za-z0-9_-]{22})?$"},
    ),
]


class StrictSchema(Schema):
    """A body: a field that it does not have is refused, and “1” is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PageWish(Schema):
    """Which part of a list."""

    cursor: Cursor = None
    limit: Annotated[int, Field(ge=1, le=200, description="How many at most")] = 50


class ClassifierPageWish(PageWish):
    """A part of a list of what belongs to classifiers."""

    classifier: Annotated[str | None, Field(description="Only this classifier's, by slug")] = None


def one_of(words: Sequence[str]) -> str:
    """The pattern of a text that is one of these."""
    return f"^({'|'.join(words)})$"


def json_answer(body: object, *, status: int = HTTPStatus.OK, location: str = "") -> HttpResponse:
    """`location` is the address of what was made, or of what tells how it gets on."""
    data = json.dumps(body, ensure_ascii=False).encode()
    answer = HttpResponse(data, content_type="application/json", status=status)
    if location:
        answer["Location"] = location
    return answer


def read_rows(rows: QuerySet[Row], wish: PageWish) -> tuple[list[Row], str | None]:
    """A page, the newest first, and the cursor of the next one. Raises Refused. Ids grow with time."""
    ordered = rows.order_by("-pk")
    if wish.cursor:
        ordered = ordered.filter(pk__lt=read_cursor(wish.cursor))
    found = list(ordered[: wish.limit + 1])
    return found[: wish.limit], write_cursor(found[wish.limit - 1].pk) if len(found) > wish.limit else None


def act_once(
    request: HttpRequest,
    key: str | None,
    act: Callable[[], dict[str, Any]],
    *,
    asked: object = None,
    status: int = HTTPStatus.OK,
    locate: Callable[[dict[str, Any]], str] | None = None,
) -> HttpResponse:
    """The answer of `act`; under a key the first one, so long as `asked` at this address is the same.

    `locate` finds the address of what was made in the answer.
    """
    if key:
        fingerprint = fingerprint_call(call=f"{request.method} {request.path_info}", asked=asked)
        answer = answer_once(key_request(scope=asking_owner(request).key, key=key, fingerprint=fingerprint), act)
    else:
        answer = act()
    return json_answer(answer, status=status, location=locate(answer) if locate else "")
