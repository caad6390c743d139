"""What loading the page costs, and where it asks."""

from __future__ import annotations

from playwright.sync_api import Response, expect

from tests.browser import pictures
from tests.browser.conftest import OpenPage
from tests.browser.upload_page import UploadPage

WEIGHT_LIMIT_BYTES = 150_000
FIRST_PAINT_MS = 1000


def test_a_whole_visit_asks_no_other_site(upload_page: UploadPage) -> None:
    upload_page.drop([*pictures.mixed_files()])
    upload_page.expect_answers(8)
    elsewhere = [
        line for line in upload_page.requested if not line.split()[1].startswith((upload_page.address, "blob:"))
    ]
    assert elsewhere == []


def test_a_whole_visit_breaks_no_rule_of_the_content_policy(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.large_photo(1), pictures.no_picture()])
    upload_page.expect_answers(1)
    expect(upload_page.troubled).to_have_count(1)
    assert upload_page.policy_violations() == []
    assert [line for line in upload_page.console if "415" not in line] == []


def test_the_page_weighs_little(open_page: OpenPage) -> None:
    upload_page = open_page()
    session = upload_page.context.new_cdp_session(upload_page.page)
    received: list[float] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    upload_page.page.reload(wait_until="networkidle")
    assert len(received) > 10
    assert sum(received) < WEIGHT_LIMIT_BYTES


def test_every_file_of_the_page_may_be_kept_for_ever(upload_page: UploadPage) -> None:
    answers: list[Response] = []

    def keep(answer: Response) -> None:
        answers.append(answer)

    upload_page.page.on("response", keep)
    upload_page.page.reload(wait_until="networkidle")
    files = [answer for answer in answers if "/static/" in answer.url]
    assert files
    assert [answer.url for answer in files if "immutable" not in answer.headers.get("cache-control", "")] == []


def test_the_first_paint_comes_within_a_second(open_page: OpenPage) -> None:
    def first_paint() -> float:
        page = open_page().page
        page.wait_for_load_state("networkidle")
        found: float = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        return found

    assert min(first_paint() for _ in range(3)) < FIRST_PAINT_MS
