"""What the page does when the site is busy, slow, gone or back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser import pictures
from tests.browser.site import Site
from tests.browser.upload_page import UploadPage

IMAGES = "**/api/v1/images"


def test_a_busy_site_is_asked_again_with_the_same_key(upload_page: UploadPage) -> None:
    keys: list[str | None] = []

    def answer(route: Route) -> None:
        keys.append(route.request.header_value("Idempotency-Key"))
        if len(keys) < 3:
            body = '{"error": {"code": "try_later", "message": "Later.", "details": {}}}'
            route.fulfill(status=503, headers={"Retry-After": "1"}, content_type="application/json", body=body)
        else:
            route.continue_()

    upload_page.page.route(IMAGES, answer)
    upload_page.drop([pictures.small_picture(1)])
    expect(upload_page.notice).to_contain_text(
        re.compile(r"The site is busy. 1 picture to send; trying again in \d s.")
    )
    upload_page.expect_answers(1)
    assert keys[0]
    assert keys == [keys[0]] * 3
    expect(upload_page.notice).to_be_hidden()


def test_an_answer_lost_on_the_way_makes_no_second_image(upload_page: UploadPage) -> None:
    attempts: list[int] = []

    def lose_the_first(route: Route) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            assert route.fetch().status == 201
            route.abort("connectionreset")
        else:
            route.continue_()

    upload_page.page.route(IMAGES, lose_the_first)
    upload_page.drop([pictures.small_picture(2)])
    upload_page.expect_answers(1)
    assert len(attempts) == 2
    assert len(upload_page.images()) == 1
    expect(upload_page.cards).to_have_count(1)


def test_a_site_with_a_fault_is_given_up_after_three_attempts_and_can_be_tried_again(upload_page: UploadPage) -> None:
    upload_page.page.route(IMAGES, lambda route: route.fulfill(status=500, body="<h1>no</h1>"))
    upload_page.drop([pictures.small_picture(3, "unlucky.png")])
    expect(upload_page.troubled).to_have_count(1, timeout=20_000)
    expect(upload_page.card("unlucky.png")).to_contain_text("The site did not take this picture.")
    upload_page.page.unroute(IMAGES)
    upload_page.page.get_by_role("button", name="Try again: unlucky.png").click()
    upload_page.expect_answers(1)


def test_pictures_dropped_while_offline_are_sent_when_the_network_is_back(upload_page: UploadPage) -> None:
    upload_page.context.set_offline(True)
    upload_page.drop([pictures.small_picture(4), pictures.small_picture(5)])
    expect(upload_page.notice).to_contain_text("The site cannot be reached. 2 pictures to send")
    upload_page.context.set_offline(False)
    upload_page.expect_answers(2)
    expect(upload_page.notice).to_be_hidden()


def test_a_picture_on_its_way_can_be_cancelled(upload_page: UploadPage) -> None:
    upload_page.page.route(IMAGES, lambda route: None)
    upload_page.drop([pictures.small_picture(6, "regretted.png")])
    card = upload_page.card("regretted.png")
    expect(card.get_by_role("progressbar", name="Sending regretted.png")).to_be_visible()
    card.get_by_role("button", name="Cancel: regretted.png").click()
    expect(upload_page.cards).to_have_count(0)
    assert upload_page.images() == []


def test_answers_are_asked_for_while_the_socket_is_away(upload_page: UploadPage) -> None:
    upload_page.page.route_web_socket(re.compile("/ws/results/"), lambda socket: socket.close())
    upload_page.page.reload()
    expect(upload_page.notice).to_contain_text("Live answers are interrupted", timeout=10_000)
    upload_page.drop([pictures.small_picture(7)])
    upload_page.expect_answers(1, timeout_ms=15_000)
    assert any(re.search(r"GET .*/api/v1/images/[^/]+$", line) for line in upload_page.requested)


def test_an_older_state_never_replaces_a_newer_one(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.small_picture(8)])
    upload_page.expect_answers(1)
    done = upload_page.images()[0]
    stale = {**done, "state": "queued", "version": done["version"] - 1}
    kept = upload_page.call_module(
        "live",
        """({ LiveImages }, [newer, older]) => {
          const live = Object.create(LiveImages.prototype);
          Object.assign(live, { images: new Map(), listeners: { onImage() {} } });
          live.take(newer);
          return live.take(older).state;
        }""",
        [done, stale],
    )
    assert kept == "done"


def test_the_page_finds_back_after_the_web_process_crashed(upload_page: UploadPage, site: Site) -> None:
    upload_page.drop([pictures.small_picture(9)])
    upload_page.expect_answers(1)
    site.kill_part("uvicorn")
    upload_page.drop([pictures.small_picture(10), pictures.small_picture(11)])
    upload_page.expect_answers(3, timeout_ms=60_000)
    upload_page.await_snapshots(2)
    pushed = len(upload_page.frames)
    upload_page.drop([pictures.small_picture(12)])
    upload_page.expect_answers(4)
    assert any(frame["type"] == "prediction" for frame in upload_page.frames[pushed:])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0", 1), ("100000", 300), (None, 5), ("soon", 5), ("Thu, 01 Jan 1970 00:00:00 GMT", 1)],
)
def test_retry_after_is_read_within_reason(upload_page: UploadPage, header: str | None, seconds: int) -> None:
    code = "({ retryAfter }, header) => retryAfter(header)"
    assert upload_page.call_module("sender", code, header) == seconds
