"""Request ids in every log line and answer; the signed visitor cookie; a database that is away."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import structlog
from django.conf import settings
from django.core import signing
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from classifier.request_ids import bind_request_id

logger = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

VISITOR_COOKIE = "whatsit_visitor"
VISITOR_SECONDS = 400 * 86400
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_signer = signing.Signer(salt="whatsit.visitor")


class RequestIdMiddleware:
    """Takes a sane X-Request-ID or makes one, binds it to the logs and sends it back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)
        bind_request_id(request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class VisitorMiddleware:
    """Gives a visitor without login a random id in a signed cookie: no row, no session."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        fresh = request.META.get("whatsit.new_visitor")
        if fresh:
            response.set_cookie(
                VISITOR_COOKIE,
                _signer.sign(fresh),
                max_age=VISITOR_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return response


class DatabaseAwayMiddleware:
    """Pages answer 503 and when to come back while the database is away. The API says so by itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """The usual page for troubles: it reads no row. A value that no column can hold is the asker's: 400."""
        if isinstance(problem, DataError):
            return HttpResponse(render_to_string("400.html", request=request), status=400)
        if not isinstance(problem, OperationalError | InterfaceError):
            return None
        logger.error("database_trouble", error=repr(problem))
        return HttpResponse(render_to_string("500.html"), status=503, headers={"Retry-After": "5"})


def read_visitor(cookie: str | None) -> str | None:
    """The visitor id in a cookie's value, or None when it is absent or not signed by us."""
    if not cookie:
        return None
    try:
        return _signer.unsign(cookie)
    except signing.BadSignature:
        return None


def visitor_of(request: HttpRequest) -> str:
    """This visitor's id; a new one is made, and set as a cookie by the answer, at the first need."""
    known = read_visitor(request.COOKIES.get(VISITOR_COOKIE)) or request.META.get("whatsit.new_visitor")
    if known:
        return str(known)
    fresh = secrets.token_urlsafe(18)
    request.META["whatsit.new_visitor"] = fresh
    return fresh
