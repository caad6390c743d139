"""The one ASGI application: sockets go to Channels, HTTP over the bridge to Django's WSGI handler."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from django.conf import settings

from webapp.wsgi import application as wsgi_application  # isort: skip # sets Django up, which the rest needs

from channels.routing import URLRouter

from classifier.predictions import find_answered
from webapp.http_bridge import HttpBridge
from webapp.open_files import allow_many_open_files
from webapp.result_waiter import ResultWaiter
from webapp.socket_access import SocketAccess
from webapp.websocket_urls import websocket_urlpatterns

# Threads that wait for the interpreter get it ten times sooner than by default: measured 1.3 times the requests.
sys.setswitchinterval(0.0005)
allow_many_open_files()

_waiter = ResultWaiter(find_done=find_answered, poll_seconds=settings.WAIT_POLL_SECONDS)
_http = HttpBridge(
    wsgi_application,
    threads=settings.HTTP_THREADS,
    body_seconds=settings.HTTP_BODY_SECONDS,
    body_memory_bytes=settings.HTTP_BODY_MEMORY_BYTES,
    body_max_bytes=settings.REQUEST_MAX_BYTES,
    waiter=_waiter,
    max_wait_seconds=settings.HTTP_WAIT_SECONDS,
)
_sockets = SocketAccess(URLRouter(websocket_urlpatterns))


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Dispatch by the kind of connection."""
    if scope["type"] == "http":
        await _http(scope, receive, send)
    elif scope["type"] == "websocket":
        await _sockets(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _answer_waiting_requests_at(signal.SIGTERM)
            _answer_waiting_requests_at(signal.SIGINT)
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _answer_waiting_requests_at(signal_number: signal.Signals) -> None:
    """At a stop, requests that wait for results get their 201 now: the server waits for them before it ends."""
    server_handler = signal.getsignal(signal_number)

    def handle(number: int, frame: FrameType | None) -> None:
        _waiter.release_all()
        if callable(server_handler):
            server_handler(number, frame)

    signal.signal(signal_number, handle)
