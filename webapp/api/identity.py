"""Who calls the API: the login session (with a CSRF token on unsafe calls) or the visitor cookie."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from classifier.errors import NotAllowed, Refused
from classifier.owners import Owner
from webapp.access import asking_owner

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        raise NotAllowed("This call comes with a login but without its CSRF token. Send the X-CSRFToken header.")


def _no_view(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError


_check = _CsrfCheck(_no_view)


def identify(request: HttpRequest) -> Owner:
    """Ninja's auth callable: the owner of what this call makes. Raises NotAllowed (401 or 403)."""
    if "%00" in request.META.get("QUERY_STRING", ""):
        raise Refused("malformed_request", "This address holds a NUL character, which no value here can have.")
    owner = asking_owner(request)
    if owner.kind == "user" and request.method not in _SAFE:
        _check.process_request(request)
        _check.process_view(request, _no_view, (), {})
    return owner
