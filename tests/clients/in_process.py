"""The real application behind the client's transport, without a server: one thread, one connection."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from django.core.wsgi import get_wsgi_application
from django.db import connections


def in_process(before: Callable[[httpx.Request], object] = lambda request: None) -> httpx.MockTransport:
    """For `Client` and `AsyncClient` alike; `before` is called ahead of every request. Make it outside the loop."""
    application = httpx.WSGITransport(app=get_wsgi_application())
    of_the_test = connections["default"]

    def answer(request: httpx.Request) -> httpx.Response:
        connections["default"] = of_the_test  # on an event loop there would be another one, on an empty database
        before(request)
        inside = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        response = application.handle_request(inside)
        content = b"".join(response.stream)  # type: ignore[arg-type] # a plain byte stream
        return httpx.Response(response.status_code, headers=response.headers, content=content)

    return httpx.MockTransport(answer)
