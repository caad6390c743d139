"""Reviewing in a real browser, with the keyboard alone: quick, nothing lost, nothing seen too early."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Response, expect

from tests.browser.axe import serious_findings
from tests.browser.looks import DESK, LOOKS, PHONE
from tests.browser.review_site import ReviewPage, ReviewSite
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell

WATCH = """() => {
  window.latencies = [];
  let pressed = null;
  document.addEventListener("keydown", () => { pressed = performance.now(); }, true);
  new MutationObserver(async () => {
    const start = pressed;
    await document.querySelector("#stage img").decode();
    requestAnimationFrame(() => window.latencies.push(performance.now() - start));
  }).observe(document.getElementById("stage"), { childList: true });
}"""

OpenReview = Callable[..., ReviewPage]


@pytest.fixture(scope="module")
def review_site(quiet_site: Site) -> Iterator[ReviewSite]:
    with SiteShell(quiet_site) as shell:
        yield ReviewSite(quiet_site, shell)


@pytest.fixture
def open_review(browser: Browser, review_site: ReviewSite) -> Iterator[OpenReview]:
    """Opens `/review/` of this classifier for a reviewer."""
    contexts = []

    def opened(slug: str, query: str = "", *, name: str = "ann", **options: Any) -> ReviewPage:
        context = browser.new_context(**{**DESK, **options})
        contexts.append(context)
        review_site.log_in(context, name)
        return ReviewPage(context.new_page(), review_site, slug).open(query)

    yield opened
    for context in contexts:
        context.close()


def test_keys_accept_correct_and_skip_and_the_next_picture_comes_by_itself(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("keys", 4)
    page = open_review("keys")
    expect(page.page.locator("#accept")).to_contain_text("cat 60\u00a0%")
    seen = {page.press_and_go_on("Enter"), page.press_and_go_on("3"), page.press_and_go_on("s")}
    page.expect_stored([["confirm", "cat"], ["correct", "bird"], ["skip", None]])
    expect(page.page.locator("#progress")).to_contain_text("3 of 4")
    seen.add(page.shown)
    page.press("2")
    expect(page.page.locator("#empty")).to_contain_text("You reviewed 4 pictures. Nothing more waits here.")
    page.expect_stored([["confirm", "cat"], ["correct", "bird"], ["skip", None], ["correct", "dog"]])
    assert len(seen) == 4


def test_backspace_takes_the_last_word_back_and_returns_to_its_picture(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("undo", 3)
    page = open_review("undo")
    first = page.press_and_go_on("3")
    page.press("Backspace")
    expect(page.stage).to_have_attribute("data-image", first)
    expect(page.page.locator("#progress")).to_contain_text("0 of 3")
    page.press_and_go_on("2")
    page.expect_stored([["correct", "bird"], ["withdraw", None], ["correct", "dog"]])
    assert review_site.run(f"answer = Image.objects.get(id={first!r}).settled_label.name") == "dog"
    expect(page.notices).to_have_count(0)


def test_undo_works_after_the_last_picture_too(review_site: ReviewSite, open_review: OpenReview) -> None:
    review_site.make_queue("last", 1)
    page = open_review("last")
    only = page.shown
    page.press("Enter")
    expect(page.page.locator("#empty")).to_be_visible()
    page.press("Backspace")
    expect(page.page.locator("#review")).to_be_visible()
    expect(page.stage).to_have_attribute("data-image", only)
    page.expect_stored([["confirm", "cat"], ["withdraw", None]])


def test_arrows_move_to_pictures_and_labels_and_a_word_can_be_changed(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("arrows", 4)
    page = open_review("arrows")
    first = page.press_and_go_on("3")
    page.press("ArrowLeft")
    expect(page.stage).to_have_attribute("data-image", first)
    expect(page.page.locator("#said")).to_have_text("You said: bird.")
    page.press("ArrowDown", "ArrowDown")
    expect(page.page.get_by_role("button", name="dog")).to_be_focused()
    page.press("Enter")
    expect(page.stage).not_to_have_attribute("data-image", first)
    page.expect_stored([["correct", "bird"], ["correct", "dog"]])
    expect(page.page.locator("#progress")).to_contain_text("1 of 4")
    second = page.press_and_go_on("ArrowRight")
    page.press("ArrowLeft")
    expect(page.stage).to_have_attribute("data-image", second)


def test_a_lost_update_is_said_with_what_the_other_said_and_can_be_looked_at_again(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("conflict", 3)
    page = open_review("conflict")
    first = page.shown
    review_site.run(f"said_by('bob', {first!r}, 'dog')")
    page.press_and_go_on("3")
    expect(page.notices).to_contain_text("bob reviewed this picture as “dog” since you opened it.")
    page.page.get_by_role("button", name="Look again", exact=True).press("Enter")
    expect(page.stage).to_have_attribute("data-image", first)
    page.press_and_go_on("3")
    page.expect_stored([["correct", "dog"], ["correct", "bird"]])
    assert review_site.run(f"answer = Image.objects.get(id={first!r}).review_state") == "disputed"


def test_a_blind_picture_shows_no_guess_anywhere_and_is_answered_by_its_label(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("blind", 2, audit=1.0, scores=(0.11, 0.83, 0.06))
    page = open_review("blind")
    answers: list[str] = []

    def keep(response: Response) -> None:
        if "review-queue" in response.url:
            answers.append(response.text())

    page.page.on("response", keep)
    expect(page.page.locator("#guess-words")).to_contain_text("Its guess is hidden")
    expect(page.page.locator("#accept")).to_be_hidden()
    assert page.page.locator(".is-guess").count() == 0
    assert not re.search(r"83\W?%|0\.83", page.page.content())
    page.press("Enter")
    expect(page.notices).to_contain_text("Choose the label yourself")
    page.press_and_go_on("1")
    page.press("2")
    page.expect_stored([["correct", "cat"], ["correct", "dog"]])
    code = "answer = sorted(str(row.answer) for row in AuditDraw.objects.filter(classifier__slug='blind'))"
    assert review_site.run(code) == ["cat", "dog"]
    assert not any("0.83" in text for text in answers)


def test_two_reviewers_at_once_never_see_the_same_picture(review_site: ReviewSite, open_review: OpenReview) -> None:
    review_site.make_queue("pair", 40)
    ann, bob = open_review("pair", name="ann"), open_review("pair", name="bob")
    seen: dict[str, set[str]] = {"ann": set(), "bob": set()}
    for _ in range(8):
        seen["ann"].add(ann.press_and_go_on("Enter"))
        seen["bob"].add(bob.press_and_go_on("2"))
    assert (len(seen["ann"]), len(seen["bob"])) == (8, 8)
    assert not seen["ann"] & seen["bob"]
    for page in (ann, bob):
        expect(page.notices).to_have_count(0)


def test_pictures_that_a_reviewer_leaves_come_to_others_at_once(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("leaving", 3)
    ann = open_review("leaving", name="ann")
    left = ann.shown
    bob = open_review("leaving", name="bob")
    expect(bob.page.locator("#empty")).to_contain_text("in the hands of other reviewers")
    ann.page.goto(f"{review_site.site.address}/healthz/live")
    bob.page.get_by_role("link", name="Look again").click()
    expect(bob.stage).to_have_attribute("data-image", left)


def test_words_wait_for_a_site_that_is_away_and_are_sent_in_order_when_it_is_back(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("away", 4)
    page = open_review("away")
    page.page.route("**/reviews", lambda route: route.abort())
    page.press_and_go_on("1")
    page.press_and_go_on("2")
    expect(page.notices).to_contain_text("not stored yet: the site could not be reached")
    assert review_site.words("away") == []
    page.page.unroute("**/reviews")
    page.page.get_by_role("button", name="Try now").press("Enter")
    page.expect_stored([["confirm", "cat"], ["correct", "dog"]])
    expect(page.notices).to_have_count(0)


def test_words_that_were_not_sent_survive_that_the_page_is_loaded_again(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("reload", 4)
    page = open_review("reload")
    page.page.on("dialog", lambda dialog: dialog.accept())
    page.page.route("**/reviews", lambda route: route.abort())
    page.press_and_go_on("3")
    page.page.unroute("**/reviews")
    page.open()
    page.expect_stored([["correct", "bird"]])


def test_a_word_that_the_site_refuses_brings_its_picture_back(review_site: ReviewSite, open_review: OpenReview) -> None:
    review_site.make_queue("refused", 3)
    page = open_review("refused")
    body = '{"error":{"code":"malformed_request","message":"Nothing of this kind.","details":{}}}'
    page.page.route("**/reviews", lambda route: route.fulfill(status=400, body=body), times=1)
    first = page.press_and_go_on("3")
    expect(page.notices).to_contain_text("Nothing of this kind.")
    page.press_and_go_on("2")
    expect(page.stage).to_have_attribute("data-image", first)
    page.press("1")
    page.expect_stored([["correct", "dog"], ["confirm", "cat"]])


def test_a_deleted_picture_is_said_and_left_behind(review_site: ReviewSite, open_review: OpenReview) -> None:
    review_site.make_queue("deleted", 2)
    page = open_review("deleted")
    review_site.run(f"Image.objects.filter(id={page.shown!r}).delete()")
    page.press_and_go_on("3")
    expect(page.notices).to_contain_text("does not exist")


def test_what_visitors_say_is_shown_first(review_site: ReviewSite, open_review: OpenReview) -> None:
    review_site.make_queue("visitors", 3)
    code = "image = Image.objects.filter(classifier__slug='visitors').last(); "
    review_site.run(
        code + "suggest_label(image=image, owner_key=image.owner, label_name='dog'); answer = str(image.id)"
    )
    page = open_review("visitors")
    expect(page.page.locator("#suggested")).to_have_text("A visitor says: dog")
    expect(page.page.get_by_role("button", name="dog")).to_contain_text("visitor")


def test_over_thirty_five_labels_are_found_by_typing(review_site: ReviewSite, open_review: OpenReview) -> None:
    labels = [f"{word} {number}" for number in range(20) for word in ("Oak", "Elm")]
    review_site.make_queue("trees", 3, labels=labels)
    page = open_review("trees")
    for key in "elm 17":
        page.press("Space" if key == " " else key)
    expect(page.page.locator(".label-row:visible")).to_have_count(1)
    page.press_and_go_on("Enter")
    page.press_and_go_on("0")
    page.press("Enter")
    page.expect_stored([["correct", "Elm 17"], ["skip", None], ["confirm", "Oak 0"]])


def test_control_g_leads_to_the_grid_and_back(review_site: ReviewSite, open_review: OpenReview) -> None:
    review_site.make_queue("modes", 2)
    page = open_review("modes")
    page.press("Control+g")
    expect(page.page.get_by_role("heading", name="Review many at once")).to_be_visible()
    page.page.wait_for_load_state("load")
    page.press("Control+g")
    expect(page.page.locator("#review")).to_be_visible()


def test_the_next_picture_is_there_at_once(
    review_site: ReviewSite, open_review: OpenReview, capsys: pytest.CaptureFixture[str]
) -> None:
    review_site.make_queue("quick", 85)
    page = open_review("quick")
    page.page.evaluate(WATCH)
    for number in range(80):
        page.press("123"[number % 3])
        page.page.wait_for_function("count => window.latencies.length === count", arg=number + 1)
        page.page.wait_for_timeout(100)  # a reviewer twenty times as fast as we promise
    latencies = page.page.evaluate("window.latencies")
    p95 = statistics.quantiles(latencies, n=20)[-1]
    with capsys.disabled():
        print(f"\nkey to next image: median {statistics.median(latencies):.0f} ms, p95 {p95:.0f} ms")
    assert p95 <= 250
    three = [["confirm", "cat"], ["correct", "dog"], ["correct", "bird"]]
    page.expect_stored([three[number % 3] for number in range(80)])


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing_serious(
    review_site: ReviewSite, open_review: OpenReview, device: dict[str, Any], scheme: str
) -> None:
    slug = f"axe-{scheme}-{len(device)}"
    review_site.make_queue(slug, 3)
    page = open_review(slug, **device, color_scheme=scheme)
    page.page.locator("summary").click()
    assert serious_findings(page.page) == []
    page.page.route("**/reviews", lambda route: route.abort())
    page.page.get_by_role("button", name="Skip").click()
    expect(page.notices).to_have_count(1)
    assert serious_findings(page.page) == []


def test_on_a_phone_everything_fits_and_can_be_touched(review_site: ReviewSite, open_review: OpenReview) -> None:
    review_site.make_queue("phone", 3, labels=["A label with a rather long name of several words", *"BCDEFGHIJ"])
    page = open_review("phone", **PHONE)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    too_small = page.page.evaluate(
        """() => [...document.querySelectorAll("main a, main button, main select, summary")]
          .filter((element) => element.checkVisibility())
          .map((element) => [element.textContent.trim(), element.getBoundingClientRect()])
          .filter(([, box]) => box.height < 44 || box.width < 44)
          .map(([words, box]) => `${words} ${box.width} by ${box.height}`)"""
    )
    assert too_small == []
    before = page.shown
    page.page.locator("#accept").tap()
    expect(page.stage).not_to_have_attribute("data-image", before)


def test_without_scripts_one_picture_at_a_time_is_reviewed_by_a_plain_form(
    review_site: ReviewSite, open_review: OpenReview
) -> None:
    review_site.make_queue("plain-form", 3)
    page = open_review("plain-form", java_script_enabled=False)
    page.page.get_by_role("button", name="bird").click()
    page.page.get_by_role("button", name="Undo").click()
    page.page.locator("#accept").click()
    page.page.get_by_role("button", name="Skip").click()
    expect(page.page.locator("#review")).to_be_visible()
    assert review_site.words("plain-form") == [
        ["correct", "bird"],
        ["withdraw", None],
        ["confirm", "cat"],
        ["skip", None],
    ]
