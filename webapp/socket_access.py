"""Who may open a socket: only our own pages (Origin), as the login session or the visitor cookie says."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from classifier.owners import Owner
from webapp.middleware import VISITOR_COOKIE, read_visitor
from webapp.proxies import is_own_proxy


class SocketAccess:
    """Refuses foreign or missing Origins before the handshake, then puts `owner` (or None) into the scope."""

    def __init__(self, application: Any) -> None:
        self._application = AuthMiddlewareStack(_OwnerInScope(application))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not is_own_origin(scope):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
            return
        await self._application(scope, receive, send)


class _OwnerInScope:
    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        owner = await sync_to_async(_owner_of)(scope)
        await self._application({**scope, "owner": owner}, receive, send)


def _owner_of(scope: dict[str, Any]) -> Owner | None:
    user = scope["user"]
    if user.is_authenticated:
        return Owner("user", str(user.pk))
    visitor = read_visitor(scope["cookies"].get(VISITOR_COOKIE))
    if visitor is None or not settings.ANONYMOUS_UPLOADS:
        return None
    return Owner("visitor", visitor)


def is_own_origin(scope: dict[str, Any]) -> bool:
    """True when the Origin header names exactly this site: scheme, host and port, or a trusted origin."""
    headers = dict(scope.get("headers") or ())
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    if not origin or not host or not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return bool(parts.netloc.lower() == host.lower() and parts.scheme == _scheme(scope, headers))


def _scheme(scope: dict[str, Any], headers: dict[bytes, bytes]) -> str:
    peer = str((scope.get("client") or ("",))[0])
    if is_own_proxy(peer):
        return headers.get(b"x-forwarded-proto", b"http").decode("latin-1")
    return "https" if scope.get("scheme") == "wss" else "http"
