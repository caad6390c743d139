"""Who was told lately to come back later: repeats get the same answer from the event loop, and not at once.

Without it somebody who goes on sending as fast as he can takes a thread for each refusal, and the others wait for it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from webapp.wsgi_calls import Headers

REMEMBERED_SECONDS: Final = 5.0
"""Then the counters are asked again, so no answer names a wait that is longer by more than this."""
ASKING_SECONDS: Final = 1.0
REMEMBERED_CALLERS: Final = 10_000
_OF_ONE_ANSWER: Final = {b"set-cookie", b"x-request-id", b"content-length", b"connection"}
_SENT: Final = (
    "REQUEST_METHOD",
    "PATH_INFO",
    "REMOTE_ADDR",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_AUTHORIZATION",
    "HTTP_COOKIE",
)

Caller = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer 429 that holds for whoever sends the same again."""

    headers: Headers
    body: bytes
    until: float

    def headers_now(self) -> Headers:
        """With an id of its own, as every answer has."""
        length = (b"content-length", b"%d" % len(self.body))
        return [*self.headers, length, (b"x-request-id", secrets.token_hex(8).encode()), (b"connection", b"close")]


class RefusedCallers:
    """One a bridge; used on its event loop only. A caller is who sends the same credentials from the same address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refusals: dict[Caller, Refusal] = {}

    def find(self, environ: dict[str, Any]) -> Refusal | None:
        """What this request would be told again, of calls of the API that were refused in the last seconds."""
        if not self._refusals:
            return None
        caller = _caller(environ)
        refusal = self._refusals.get(caller)
        now = self._clock()
        if refusal is None or now < refusal.until:
            return refusal
        # One asks the counters again; the others of a flood go by the old answer until it is back.
        self._refusals[caller] = replace(refusal, until=now + ASKING_SECONDS)
        return None

    def note(self, environ: dict[str, Any], status: int, headers: Headers, body: bytes) -> None:
        """Remember the answer if every repeat would get it: where something is left, who asks for less may pass."""
        if status != HTTPStatus.TOO_MANY_REQUESTS or not environ["PATH_INFO"].startswith("/api/"):
            if self._refusals:
                self._refusals.pop(_caller(environ), None)
            return
        named = dict(headers)
        if named.get(b"ratelimit-remaining") != b"0":
            return
        if len(self._refusals) >= REMEMBERED_CALLERS:
            self._refusals.clear()
        seconds = min(REMEMBERED_SECONDS, float(named.get(b"ratelimit-reset", b"0")))
        kept = [header for header in headers if header[0] not in _OF_ONE_ANSWER]
        self._refusals[_caller(environ)] = Refusal(kept, body, self._clock() + seconds)


def _caller(environ: dict[str, Any]) -> Caller:
    return tuple(str(environ.get(name, "")) for name in _SENT)
