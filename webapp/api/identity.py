"""Who calls the API: a token, else the login session (with a CSRF token on unsafe calls), else the visitor cookie."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from classifier.api_tokens import acting_user, find_token, note_use
from classifier.errors import NotAllowed, Refused
from classifier.owners import Owner
from webapp.access import asking_owner
from webapp.rate_limits import charge_call, charge_later

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
_UPLOADS: Final = "/api/v1/images"
_NOT_USABLE: Final = "This token is unknown, revoked or expired. Make a new one on the page /tokens/."


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        raise NotAllowed("This call comes with a login but without its CSRF token. Send the X-CSRFToken header.")


def _no_view(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError


_check = _CsrfCheck(_no_view)


def identify(request: HttpRequest) -> Owner:
    """Ninja's auth callable: the owner of what this call makes; the call is counted.

    Raises NotAllowed (401 or 403), Refused (429).
    """
    if "%00" in request.META.get("QUERY_STRING", ""):
        raise Refused("malformed_request", "This address holds a NUL character, which no value here can have.")
    try:
        owner = _owner(request)
    except NotAllowed:
        charge_call(request, None)
        raise
    if _brings_pictures(request):
        charge_later(request, owner)
    else:
        charge_call(request, owner)
    return owner


def _brings_pictures(request: HttpRequest) -> bool:
    return request.method == "POST" and request.path_info == _UPLOADS


def _owner(request: HttpRequest) -> Owner:
    text = _bearer(request)
    if text is not None:
        _act_through(request, text)
        return asking_owner(request)
    owner = asking_owner(request)
    if owner.kind == "user" and request.method not in _SAFE:
        _check.process_request(request)
        _check.process_view(request, _no_view, (), {})
    return owner


def _bearer(request: HttpRequest) -> str | None:
    """What stands behind the word Bearer; None where the call names no token. Other schemes are a proxy's."""
    scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def _act_through(request: HttpRequest, text: str) -> None:
    """The call is the token's alone: a login or cookie beside it counts for nothing."""
    token = find_token(text)
    if token is None:
        raise NotAllowed(_NOT_USABLE, status=401)
    note_use(token=token)
    request.user = acting_user(token)
