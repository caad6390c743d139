"""What another site can make a browser send, with the login of who looks at it: nothing of that changes anything."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.webapp.authorisation_rules import API, PAGES
from tests.webapp.people import person

pytestmark = pytest.mark.django_db
SENT_BY_BROWSERS_THEMSELVES = "POST csp-reports"
UNKNOWN = "01a1fbed-5e5c-7c2d-854c-dd29f039aa02"
_NAMED = re.compile(r"<\w+:(\w+)>|\{(\w+)\}")


def unsafe_calls() -> list[tuple[str, str]]:
    """Method and address of every call that may change something; whose rows it names is asked after this check."""
    keyed = [*PAGES, *(key.replace(" /", " api/v1/", 1) for key in API)]
    calls = [key.split(" ", 1) for key in keyed if not key.startswith("GET ") and key != SENT_BY_BROWSERS_THEMSELVES]
    return [(method, "/" + _NAMED.sub(_example, pattern)) for method, pattern in calls]


def _example(found: re.Match[str]) -> str:
    name = found[1] or found[2]
    return {"slug": "pets", "number": "1", "truth": "0", "answer": "0"}.get(name, UNKNOWN)


@pytest.fixture
def browser() -> Client:
    """One in which somebody with every right is logged in."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(person("admin"))
    return client


def answered_otherwise(browser: Client, **options: Any) -> list[str]:
    found = []
    for method, address in unsafe_calls():
        answer = getattr(browser, method.lower())(address, **options)
        if answer.status_code != 403:
            found.append(f"{method} {address}: {answer.status_code}")
    return found


def test_asvs_v3_5_1_no_call_changes_anything_without_the_token_of_our_page(browser: Client) -> None:
    assert len(unsafe_calls()) > 50
    assert answered_otherwise(browser) == []


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.evil.example", "https://testserver"]
)
def test_asvs_v3_5_1_no_call_of_another_origin_is_taken_even_with_the_token(browser: Client, origin: str) -> None:
    browser.get("/tokens/")
    token = browser.cookies["csrftoken"].value
    assert answered_otherwise(browser, headers={"Origin": origin, "X-CSRFToken": token}) == []


def test_asvs_v3_4_2_no_page_of_another_site_reads_an_answer(browser: Client) -> None:
    for address in ("/", "/api/v1/images", "/images/", "/metrics"):
        answer = browser.get(address, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer


def test_asvs_v3_7_2_no_address_of_ours_leads_to_another_site(browser: Client) -> None:
    targets = (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
    )
    token = browser.get("/tokens/").cookies["csrftoken"].value
    headers = {"X-CSRFToken": token, "Origin": "http://testserver"}
    for target in targets:
        visits = [browser.get("/login/", {"next": target})]
        visits.append(browser.post("/logout/", {"next": target}, headers=headers))
        visits.append(browser.get(f"/{target}"))
        browser.force_login(person("admin"))
        places = [answer.headers.get("Location", "/") for answer in visits]
        assert [place for place in places if not re.match(r"/(?![/\\])", place)] == []
