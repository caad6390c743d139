"""When a call is made again, and how long later. Knows no client and does not wait itself."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import httpx

from whatsit_client.calls import Call
from whatsit_client.errors import CallRefused, SiteUnreachable, WhatsitError

PASSING = frozenset({429, 502, 503, 504})
"""Answers of a site, or of a proxy before it, that is well again soon."""
FIRST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Retries:
    """At most `most` further tries, none after a longer pause than `longest_pause_seconds`."""

    most: int = 5
    longest_pause_seconds: float = 60.0

    def pause_after_answer(self, call: Call[Any], response: httpx.Response, tries: int) -> float:
        """Seconds until the next try. Raises CallRefused where there is none."""
        refused = read_error(response)
        # 429 and 503 say that nothing was done; a proxy's own errors leave that open.
        may_repeat = response.status_code in {429, 503} or call.is_repeatable
        if response.status_code not in PASSING or not may_repeat:
            raise refused
        asked = response.headers.get("Retry-After", "")
        return self._pause(tries, float(asked) if asked.isdecimal() else None, refused)

    def pause_after_trouble(self, call: Call[Any], problem: httpx.TransportError, tries: int) -> float:
        """The same where no answer came. Raises SiteUnreachable."""
        said = str(problem) or type(problem).__name__
        unreachable = SiteUnreachable(f"The site does not answer: {said}.")
        was_not_sent = isinstance(problem, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if not (was_not_sent or call.is_repeatable):
            raise unreachable from problem
        return self._pause(tries, None, unreachable)

    def _pause(self, tries: int, asked: float | None, otherwise: WhatsitError) -> float:
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - clients that failed together do not come back together
        pause = FIRST_PAUSE_SECONDS * 2**tries * spread if asked is None else asked
        if tries >= self.most or pause > self.longest_pause_seconds:
            raise otherwise
        return pause


def read_error(response: httpx.Response) -> CallRefused:
    """The site's own words; where something else answered, the status."""
    try:
        error = response.json()["error"]
        return CallRefused(
            error["code"], error["message"], status=response.status_code, details=error.get("details") or {}
        )
    except (ValueError, KeyError, TypeError):
        sentence = f"{response.request.url.host} answered {response.status_code} {response.reason_phrase}."
        return CallRefused("unexpected", sentence, status=response.status_code, details={})
