"""/tokens: the keys of one's own programs."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema
from pydantic import Field

from classifier.api_tokens import create_token, revoke_token, state_of, token_of
from classifier.models import ApiToken
from classifier.presentation import write_moment
from webapp.access import get_own_token, token_manager
from webapp.api.answers import PageWish, json_answer, read_rows
from webapp.api.schemas import Error

router = Router(tags=["tokens"])
_ERRORS = {400: Error, 401: Error, 403: Error, 404: Error, 429: Error, 503: Error}


class TokenIn(Schema):
    """A token without `expires_at` works until it is revoked."""

    name: Annotated[str, Field(min_length=1, max_length=120, description="What will use it")]
    scopes: Annotated[list[ApiToken.Scope], Field(min_length=1, max_length=8)]
    expires_at: datetime | None = None


class TokenOut(Schema):
    """`prefix` is how the token begins; nothing else of it is kept."""

    id: str
    name: str
    prefix: str
    scopes: list[ApiToken.Scope]
    state: Annotated[str, Field(description="usable, expired or revoked")]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Field(description="To the minute")]
    revoked_at: datetime | None


class NewTokenOut(TokenOut):
    """`token` is shown in this answer only."""

    token: str


class TokenPageOut(Schema):
    tokens: list[TokenOut]
    next_cursor: str | None


@router.get("/tokens", response={200: TokenPageOut, **_ERRORS}, summary="One's own tokens, newest first")
def list_tokens(request: HttpRequest, wish: Query[PageWish]) -> HttpResponse:
    """Those revoked and expired too. For people, and for tokens with the scope admin."""
    found, cursor = read_rows(ApiToken.objects.filter(user=token_manager(request)), wish)
    return json_answer({"tokens": [_describe(token) for token in found], "next_cursor": cursor})


@router.post("/tokens", response={201: NewTokenOut, **_ERRORS}, summary="Make a token")
def make_token(request: HttpRequest, body: TokenIn) -> HttpResponse:
    """The token itself is in this answer and never again. One that a token makes does not outlive its maker."""
    user = token_manager(request)
    token, text = create_token(
        user=user, name=body.name, scopes=body.scopes, expires_at=_end(user, _aware(body.expires_at))
    )
    answer = json_answer({**_describe(token), "token": text}, status=HTTPStatus.CREATED)
    answer["Cache-Control"] = "no-store"
    return answer


@router.delete(
    "/tokens/{token_id}", response={204: None, **_ERRORS}, summary="Revoke a token", operation_id="revoke_token"
)
def revoke(request: HttpRequest, token_id: Annotated[str, Path(description="A token's id")]) -> HttpResponse:
    """It is refused from the next call on. What it sent stays."""
    revoke_token(token=get_own_token(request, token_id))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _end(user: User, wished: datetime | None) -> datetime | None:
    maker = token_of(user)
    ends = [end for end in (wished, maker.expires_at if maker else None) if end]
    return min(ends, default=None)


def _aware(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _describe(token: ApiToken) -> dict[str, Any]:
    times = ("created_at", "expires_at", "last_used_at", "revoked_at")
    described: dict[str, Any] = {name: write_moment(getattr(token, name)) for name in times}
    plain = {"id": str(token.id), "name": token.name, "prefix": token.prefix, "scopes": token.scopes}
    return {**plain, "state": state_of(token), **described}
