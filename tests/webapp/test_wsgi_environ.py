"""The environ of PEP 3333, where a socket cannot show it."""

from __future__ import annotations

import io
from typing import Any

from webapp.wsgi_environ import attach_body, build_environ


def _scope(**changes: Any) -> dict[str, Any]:
    scope = {"type": "http", "method": "GET", "http_version": "1.1", "scheme": "http", "path": "/", "headers": []}
    return {**scope, **changes}


def test_the_scheme_is_the_one_the_server_saw() -> None:
    environ = build_environ(_scope(scheme="https", server=("whatsit.example", None)))
    assert (environ["wsgi.url_scheme"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == (
        "https",
        "whatsit.example",
        "443",
    )


def test_a_client_on_a_unix_socket_has_no_address() -> None:
    environ = build_environ(_scope(client=None, server=("/run/whatsit.sock", None)))
    assert environ["REMOTE_ADDR"] == ""
    assert environ["SERVER_PORT"] == "80"


def test_a_path_without_raw_bytes_is_encoded_as_utf_8() -> None:
    environ = build_environ(_scope(path="/caf\u00e9", raw_path=None))
    assert environ["PATH_INFO"].encode("latin-1") == "/caf\u00e9".encode()


def test_a_request_without_a_body_says_no_length() -> None:
    environ = build_environ(_scope())
    attach_body(environ, io.BytesIO(), 0)
    assert "CONTENT_LENGTH" not in environ


def test_two_requests_do_not_share_their_environ() -> None:
    first = build_environ(_scope(headers=[(b"x-one", b"1")]))
    assert "HTTP_X_ONE" not in build_environ(_scope())
    assert first["HTTP_X_ONE"] == "1"
