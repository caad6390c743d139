"""HEAD and OPTIONS for every address of the API, which the framework leaves to each resource."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from webapp.api.errors import ADDRESS


class ApiMethodsMiddleware:
    """HEAD is answered as GET, whose body the server leaves out; OPTIONS names what the address takes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(ADDRESS):
            return self.get_response(request)
        response = self._answer(request)
        if "Allow" in response:
            response["Allow"] = ", ".join(sorted(_allowed(response)))
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS":
            refused = self.get_response(request)
            if refused.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
                return refused
            return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"Allow": refused["Allow"]})
        if request.method != "HEAD":
            return self.get_response(request)
        request.method = "GET"
        try:
            return self.get_response(request)
        finally:
            request.method = "HEAD"


def _allowed(response: HttpResponse) -> set[str]:
    named = {name.strip() for name in response["Allow"].split(",")} | {"OPTIONS"}
    return named | {"HEAD"} if "GET" in named else named
