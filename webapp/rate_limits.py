"""Whose counters a request counts on, what it may take, and what the answer says of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from classifier.errors import Refused
from classifier.limit_settings import Limits, LimitSettings
from classifier.owners import Owner
from classifier.request_counters import Counter, Level, request_counters
from webapp.api.errors import error_response
from webapp.proxies import is_own_proxy

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
NOWHERE: Final = "::"
"""Instead of an address that cannot be read: behind a Unix socket there is none."""
_LEVEL = "whatsit.limit"
_UNCHARGED = "whatsit.uncharged"


def charge_call(request: HttpRequest, owner: Owner | None, *, pictures: int = 0) -> None:
    """Count one call and the pictures it brings; without an owner as that of somebody whom we do not know.

    Raises Refused (too_many_requests) without counting it.
    """
    request.META.pop(_UNCHARGED, None)
    counters = [counter for counter in _counters(request, owner, pictures) if counter.limit]
    verdict = request_counters().take(counters) if counters else None
    if verdict is None:
        return
    if verdict.is_allowed:
        request.META[_LEVEL] = min(verdict.levels, key=lambda level: level.remaining / level.counter.limit)
        return
    full = [level for level in verdict.levels if level.is_full]
    request.META[_LEVEL] = longest = max(full, key=lambda level: level.resets_in_seconds)
    raise _refusal(longest)


def charge_later(request: HttpRequest, owner: Owner) -> None:
    """The call counts itself when it knows its pictures. Where it ends before that, it counts as a plain one."""
    request.META[_UNCHARGED] = owner


def charge_login(request: HttpRequest) -> None:
    """Count one attempt to log in, whatever the name: who tries one password on many names is stopped by this.

    Raises Refused (too_many_requests).
    """
    limit = settings.LOGINS_AN_ADDRESS
    counter = Counter(f"logins:{HOUR}:address:{client_address(request)}", 1, limit, HOUR)
    verdict = request_counters().take([counter]) if limit else None
    if verdict is not None and not verdict.is_allowed:
        raise Refused("too_many_requests", retry_after_seconds=verdict.levels[0].resets_in_seconds)


def _counters(request: HttpRequest, owner: Owner | None, pictures: int) -> Iterator[Counter]:
    limits: LimitSettings = settings.LIMITS
    if owner is None or owner.kind == "visitor":
        address = client_address(request)
        # Who drops the cookie is a new visitor at each call: those of an address count together.
        is_known = owner is not None and "whatsit.new_visitor" not in request.META
        caller = owner.key if owner and is_known else f"fresh:{address}"
        subjects = ((caller, 1), (f"address:{address}", limits.visitors_an_address))
        yield from _counters_of(limits.visitors, subjects, pictures)
        return
    caller = owner.key if owner.kind == "token" else f"login:{owner.identifier}"
    subjects = ((caller, 1), (f"user:{request.user.pk}", limits.callers_a_user))
    yield from _counters_of(limits.people, subjects, pictures)


def _counters_of(limits: Limits, subjects: tuple[tuple[str, int], ...], pictures: int) -> Iterator[Counter]:
    for subject, times in subjects:
        yield Counter(f"calls:{MINUTE}:{subject}", 1, limits.calls_a_minute * times, MINUTE)
        yield Counter(f"calls:{DAY}:{subject}", 1, limits.calls_a_day * times, DAY)
        if pictures:
            yield Counter(f"pictures:{MINUTE}:{subject}", pictures, limits.pictures_a_minute * times, MINUTE)
            yield Counter(f"pictures:{DAY}:{subject}", pictures, limits.pictures_a_day * times, DAY)


def client_address(request: HttpRequest) -> str:
    """Where the call comes from; a proxy's word counts only where the settings name the proxy.

    Of IPv6 the network of 64 bits that one customer is given, as each device may take any address in it.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    named = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    while is_own_proxy(address) and named:
        address = named.pop() or address
    if address.count(":") == 1:  # some proxies add the port
        address = address.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return NOWHERE
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)


def _refusal(level: Level) -> Refused:
    counter = level.counter
    what, _, subject = counter.key.split(":", 2)
    span = "minute" if counter.seconds == MINUTE else "day"
    whose = {"user": "from one person and all their programs", "address": "from visitors of one address"}
    most = (
        f"This site takes {counter.limit:,} {what} a {span} {whose.get(subject.partition(':')[0], 'from one caller')}."
    )
    if counter.cost > counter.limit:
        rest = "Send fewer at once."
    else:
        rest = f"Wait {_span_in_words(level.resets_in_seconds)} and send the rest."
    return Refused(
        "too_many_requests",
        f"{most} {rest}",
        limit=counter.limit,
        of=what,
        window_seconds=counter.seconds,
        retry_after_seconds=level.resets_in_seconds,
    )


def _span_in_words(seconds: int) -> str:
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{-(-seconds // size)} {unit}"
    return f"{seconds} seconds" if seconds != 1 else "a second"


class RateLimitMiddleware:
    """Says how much is left, of the counter that is nearest its end: RateLimit-Limit, -Remaining and -Reset."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if _UNCHARGED in request.META:
            try:
                charge_call(request, request.META[_UNCHARGED])
            except Refused as problem:
                response = error_response(problem)
        level = request.META.get(_LEVEL)
        if level is not None:
            response["RateLimit-Limit"] = str(level.counter.limit)
            response["RateLimit-Remaining"] = str(level.remaining)
            response["RateLimit-Reset"] = str(level.resets_in_seconds)
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                response["Retry-After"] = str(level.resets_in_seconds)
            response["RateLimit-Policy"] = f"{level.counter.limit};w={level.counter.seconds}"
        return response
