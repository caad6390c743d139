"""`/csp-reports`: what browsers say about the Content-Security-Policy is counted, and logged without secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from classifier.limit_settings import read_limits
from tests.private_redis import counting_redis, redis_process  # noqa: F401 - fixtures, used by their names
from webapp.views.policy_reports import AN_ADDRESS, MAX_BYTES

pytestmark = pytest.mark.django_db
REPORT: dict[str, Any] = {
    "document-uri": "http://testserver/login/once/very-secret-token/?q=private",
    "blocked-uri": "https://user:password@evil.example/path?stolen=1",
    "effective-directive": "script-src-elem",
    "source-file": "http://testserver/images/?q=private",
    "line-number": 7,
    "script-sample": "steal()",
}


@pytest.fixture(autouse=True)
def counting(settings: Any, counting_redis: str) -> None:  # noqa: F811 - the fixture imported above
    settings.LIMIT_REDIS_URL = counting_redis
    settings.LIMITS = replace(read_limits(production=False), timeout_seconds=5.0)


def tell(body: Any, *, address: str = "192.0.2.1") -> HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    visitor = Client(enforce_csrf_checks=True)
    return visitor.post("/csp-reports", raw, content_type="application/csp-report", REMOTE_ADDR=address)  # type: ignore[return-value] # Django's own answer with more


def counted(directive: str) -> float:
    return REGISTRY.get_sample_value("whatsit_policy_reports_total", {"directive": directive}) or 0.0


def test_asvs_v3_4_7_the_policy_says_where_reports_go_and_they_are_taken_there() -> None:
    policy = Client().get("/login/")["Content-Security-Policy"]
    assert "report-uri /csp-reports" in policy
    before = counted("script-src")
    assert tell({"csp-report": REPORT}).status_code == 204
    assert counted("script-src") == before + 1


def test_asvs_v16_2_5_a_report_is_one_line_of_the_log_without_what_addresses_may_hold() -> None:
    with capture_logs() as lines:
        tell({"csp-report": REPORT})
    told = [line for line in lines if line["event"] == "policy_violated"]
    assert told == [
        {
            "event": "policy_violated",
            "log_level": "warning",
            "directive": "script-src",
            "blocked": "https://evil.example",
            "page": "login/once/<str:token>/",
            "source": "http://testserver",
            "line": "7",
        }
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b"null", b'{"csp-report": 5}', b"\xff\xfe", b"[" * 16_000],
    ids=["nothing", "cut", "a-list", "empty", "null", "a-number", "no-utf-8", "deep"],
)
def test_what_is_no_report_is_refused(body: bytes) -> None:
    answer = tell(body)
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (400, "malformed_request")


def test_a_report_that_is_too_large_is_refused_unread() -> None:
    assert tell({"csp-report": {"blocked-uri": "x" * MAX_BYTES}}).status_code == 413


@pytest.mark.parametrize("value", [None, 5, [], {}, "", "http://[", "\r\n\x1b[31mfake line", "x" * 2_000, "javascript"])
def test_asvs_v16_4_1_whatever_stands_in_a_report_becomes_one_short_plain_line(value: Any) -> None:
    with capture_logs() as lines:
        assert tell({"csp-report": dict.fromkeys(REPORT, value)}).status_code == 204
    words = [word for line in lines for word in line.values()]
    assert all(len(word) <= 100 and word.isprintable() for word in words)
    assert {line.get("directive") for line in lines} == {"other"}


def test_nobody_fills_the_log_with_reports() -> None:
    with capture_logs() as lines:
        answers = [tell({"csp-report": REPORT}, address="192.0.2.2") for _ in range(AN_ADDRESS + 1)]
        assert tell({"csp-report": REPORT}, address="192.0.2.3").status_code == 204
    assert {answer.status_code for answer in answers[:-1]} == {204}
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert len([line for line in lines if line["event"] == "policy_violated"]) == AN_ADDRESS + 1


def test_while_nothing_can_be_counted_nothing_is_logged(settings: Any) -> None:
    settings.LIMIT_REDIS_URL = "redis://127.0.0.1:1"
    before = counted("script-src")
    with capture_logs() as lines:
        assert tell({"csp-report": REPORT}).status_code == 204
    assert [line for line in lines if line["event"] == "policy_violated"] == []
    assert counted("script-src") == before + 1
