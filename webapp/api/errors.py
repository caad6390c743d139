"""Every error of the API in one shape: {"error": {"code", "message", "details"}}."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from classifier.errors import NotFound, Refused, StorageUnavailable, WhatsitError

logger = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = "5"
ADDRESS = "/api/"
_CODES = {403: "not_allowed", 404: "not_found", 413: "file_too_large"}
_NO_JSON = "This body could not be read. Send a JSON object in UTF-8, without NUL characters and NaN."
_TOO_LARGE = "This body is too large. Send less at once."


def error_response(problem: WhatsitError) -> HttpResponse:
    """The JSON answer of a named error; 429 and 503 say when to come back, 401 how to say who one is."""
    body = {"error": {"code": problem.code, "message": problem.message, "details": problem.details}}
    response = JsonResponse(body, status=problem.status)
    say_when_to_return(response, problem)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def say_when_to_return(response: HttpResponse, problem: WhatsitError) -> None:
    """`Retry-After` of an answer that refuses for a while."""
    if problem.status in {429, 503}:
        response["Retry-After"] = str(problem.details.get("retry_after_seconds", RETRY_AFTER_SECONDS))


def install_error_handlers(api: NinjaAPI) -> None:
    """Named errors, bad parameters, unknown objects and a database that is away."""

    @api.exception_handler(WhatsitError)
    def named(request: HttpRequest, problem: WhatsitError) -> HttpResponse:
        return error_response(problem)

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, problem: ValidationError) -> HttpResponse:
        places = [_place(entry) for entry in problem.errors]
        return error_response(Refused("malformed_request", "Some values cannot be used: " + "; ".join(places) + "."))

    @api.exception_handler(HttpError)
    def unreadable(request: HttpRequest, problem: HttpError) -> HttpResponse:
        is_body = problem.status_code == HTTPStatus.BAD_REQUEST and "request body" in str(problem)
        sentence = _NO_JSON if is_body else None
        return error_response(WhatsitError(_code_of(problem.status_code), sentence, status=problem.status_code))

    @api.exception_handler(RequestDataTooBig)
    def too_large(request: HttpRequest, problem: RequestDataTooBig) -> HttpResponse:
        return error_response(Refused("file_too_large", _TOO_LARGE))

    @api.exception_handler(Http404)
    def unknown(request: HttpRequest, problem: Http404) -> HttpResponse:
        return error_response(NotFound())

    @api.exception_handler(DatabaseError)
    @api.exception_handler(InterfaceError)
    def database_away(request: HttpRequest, problem: Exception) -> HttpResponse:
        logger.error("database_trouble", error=repr(problem))
        return error_response(StorageUnavailable())


class ApiErrorMiddleware:
    """Gives the API's shape to what Django answers by itself: unknown addresses, wrong methods, unreadable forms."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        status = response.status_code
        if status < HTTPStatus.BAD_REQUEST or not request.path_info.startswith(ADDRESS) or _is_json(response):
            return response
        sentence = "This address does not take such a call." if status == HTTPStatus.METHOD_NOT_ALLOWED else None
        shaped = error_response(WhatsitError(_code_of(status), sentence, status=status))
        if "Allow" in response:
            shaped["Allow"] = response["Allow"]
        return shaped


def _is_json(response: HttpResponse) -> bool:
    return response.get("Content-Type", "").startswith("application/json")


def _code_of(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "try_later"
    return _CODES.get(status, "malformed_request")


def _place(entry: dict[str, Any]) -> str:
    """`limit: Input should be …`; of a place in a body the framework names the parameter too, which nobody sent."""
    source, *rest = [str(part) for part in entry.get("loc", ())] or [""]
    named = rest[1:] if source == "body" else rest
    return f"{'.'.join(named) or 'request'}: {entry.get('msg', 'not valid')}"
