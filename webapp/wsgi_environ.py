"""Turns an ASGI request into a WSGI environ (PEP 3333)."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import IO, Any, Final
from urllib.parse import unquote_to_bytes

from webapp.asgi_types import Scope
from webapp.proxies import FORWARDED, is_own_proxy
from webapp.streamed_answers import FileParts

_FIXED: Final[dict[str, Any]] = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": FileParts,
    "wsgi.input_terminated": True,
}


def build_environ(scope: Scope) -> dict[str, Any]:
    """Everything but the body: see `attach_body`. What strangers say they forward is left out."""
    environ = _FIXED.copy()
    root_path: str = scope.get("root_path", "")
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    environ["REQUEST_METHOD"] = scope["method"]
    environ["SCRIPT_NAME"] = root_path.encode().decode("latin-1").rstrip("/") if root_path else ""
    environ["PATH_INFO"] = _path_info(raw_path, root_path)
    environ["QUERY_STRING"] = scope.get("query_string", b"").decode("latin-1")
    environ["SERVER_PROTOCOL"] = "HTTP/" + scope["http_version"]
    environ["wsgi.url_scheme"] = scope.get("scheme", "http")
    environ["wsgi.errors"] = sys.stderr
    _name_addresses(scope, environ)
    for name, value in scope["headers"]:
        key = environ_key(name)
        if key is None:
            continue
        text = value.decode("latin-1")
        if key in environ:
            text = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
        environ[key] = text
    for key in FORWARDED:
        if key in environ and not is_own_proxy(environ["REMOTE_ADDR"]):
            del environ[key]
    return environ


def attach_body(environ: dict[str, Any], body: IO[bytes], size: int) -> None:
    """Give the environ its input. The body is complete by now, so its length is known even if it came in chunks."""
    environ["wsgi.input"] = body
    if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None or "CONTENT_LENGTH" in environ or size:
        environ["CONTENT_LENGTH"] = str(size)


@lru_cache(maxsize=512)
def environ_key(name: bytes) -> str | None:
    """The environ's name of a header; None for a header that must not be handed on.

    A header with an underscore would arrive under the name of its twin with a dash (X_Forwarded_For), which a proxy
    in front checks and this one not.
    """
    if b"_" in name:
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + key


def _path_info(raw_path: bytes, root_path: str) -> str:
    # From the raw path: the decoded one has lost bytes that are not UTF-8.
    path = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    if root_path:
        path = path.removeprefix(root_path.rstrip("/").encode())
    return path.decode("latin-1")


def _name_addresses(scope: Scope, environ: dict[str, Any]) -> None:
    client = scope.get("client")
    environ["REMOTE_ADDR"] = client[0] if client else ""
    if client:
        environ["REMOTE_PORT"] = str(client[1])
    host, port = scope.get("server") or ("localhost", None)
    environ["SERVER_NAME"] = host
    # A Unix socket has no port; PEP 3333 wants one all the same.
    environ["SERVER_PORT"] = str(port or (443 if environ["wsgi.url_scheme"] == "https" else 80))
