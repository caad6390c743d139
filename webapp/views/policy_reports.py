"""`/csp-reports`: browsers say what the Content-Security-Policy made them leave out. It is counted and logged."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter as MetricCounter

from classifier.errors import Refused
from classifier.request_counters import Counter, request_counters
from webapp.api.errors import error_response
from webapp.rate_limits import MINUTE, client_address

logger = structlog.get_logger(__name__)

MAX_BYTES: Final = 16_384
AN_ADDRESS: Final = 30
ALL_TOGETHER: Final = 600
"""Reports a minute that are logged; the metric counts the refused ones too."""
_UNREADABLE: Final = "This is no report of a browser. It is a JSON object with “csp-report” in it."
REPORTS = MetricCounter(
    "whatsit_policy_reports", "Reports of browsers about the Content-Security-Policy.", ["directive"]
)


@csrf_exempt  # the browser itself sends it, of a page that may have no token
@require_POST
def policy_reports(request: HttpRequest) -> HttpResponse:
    """204; 413, 400 and 429 for what is too large, no report, or too many of them."""
    try:
        report = _read(request)
        REPORTS.labels(_directive(report)).inc()
        if _may_be_logged(request):
            logger.warning("policy_violated", **_in_short(report))
    except Refused as problem:
        return error_response(problem)
    return HttpResponse(status=204)


def _read(request: HttpRequest) -> dict[str, Any]:
    try:
        body = request.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise Refused("file_too_large", f"A report has at most {MAX_BYTES:,} bytes.")
        content = json.loads(body)
    except (ValueError, RecursionError, OSError, RequestDataTooBig):
        raise Refused("malformed_request", _UNREADABLE) from None
    report = content.get("csp-report") if isinstance(content, dict) else None
    if not isinstance(report, dict):
        raise Refused("malformed_request", _UNREADABLE)
    return report


def _may_be_logged(request: HttpRequest) -> bool:
    """Not while nothing can be counted: what everybody may send must not fill a disk. Raises Refused."""
    address = client_address(request)
    verdict = request_counters().take(
        [
            Counter(f"reports:{MINUTE}:address:{address}", 1, AN_ADDRESS, MINUTE),
            Counter(f"reports:{MINUTE}:all", 1, ALL_TOGETHER, MINUTE),
        ]
    )
    if verdict is None:
        return False
    if verdict.is_allowed:
        return True
    seconds = max(level.resets_in_seconds for level in verdict.levels if level.is_full)
    raise Refused("too_many_requests", "Enough reports for now.", retry_after_seconds=seconds)


def _in_short(report: dict[str, Any]) -> dict[str, str]:
    """What says where to look, without what an address may hide: of our page its pattern, of others the host."""
    return {
        "directive": _directive(report),
        "blocked": _place(report.get("blocked-uri")),
        "page": _page(report.get("document-uri")),
        "source": _place(report.get("source-file")),
        "line": _number(report.get("line-number")),
    }


def _directive(report: dict[str, Any]) -> str:
    """One of our policy's, without the ending of `script-src-elem`: nobody else invents names of counters."""
    said = report.get("effective-directive") or report.get("violated-directive")
    name = said.split(" ")[0].removesuffix("-elem").removesuffix("-attr") if isinstance(said, str) else ""
    return name if name in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] else "other"


def _page(address: Any) -> str:
    try:
        return str(resolve(urlsplit(address).path).route) or "/"
    except (Resolver404, ValueError, TypeError, AttributeError):
        return "unknown"


def _place(address: Any) -> str:
    """`inline`, `data`, or scheme and host."""
    if not isinstance(address, str):
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "unreadable"
    words = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else parts.scheme or address
    return "".join(letter for letter in words[:100] if letter.isascii() and letter.isprintable())


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int) and 0 <= value < 10**9 else ""
