"""Many pictures at once in a real browser: choosing with keys and Shift, a hundred with one label, on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import serious_findings
from tests.browser.looks import DESK, LOOKS
from tests.browser.review_site import ReviewSite
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell

OpenGrid = Callable[..., Page]


@pytest.fixture(scope="module")
def review_site(quiet_site: Site) -> Iterator[ReviewSite]:
    with SiteShell(quiet_site) as shell:
        yield ReviewSite(quiet_site, shell)


@pytest.fixture
def open_grid(browser: Browser, review_site: ReviewSite) -> Iterator[OpenGrid]:
    """Opens the grid of this classifier for a reviewer."""
    contexts = []

    def opened(slug: str, *, name: str = "ann", **options: Any) -> Page:
        context = browser.new_context(**{**DESK, **options})
        contexts.append(context)
        review_site.log_in(context, name)
        page = context.new_page()
        page.goto(f"{review_site.site.address}/review/?mode=grid&classifier={slug}")
        return page

    yield opened
    for context in contexts:
        context.close()


def boxes(page: Page) -> Locator:
    return page.get_by_role("checkbox")


def test_a_hundred_pictures_get_one_label_by_three_keys(review_site: ReviewSite, open_grid: OpenGrid) -> None:
    review_site.make_queue("hundred", 110)
    page = open_grid("hundred")
    expect(boxes(page)).to_have_count(100)
    page.keyboard.press("Control+a")
    expect(page.locator("#grid-count")).to_have_text("100 of 100 chosen")
    page.keyboard.press("2")
    expect(page.locator(".messages")).to_contain_text("100 pictures stored as “dog”.", timeout=30_000)
    assert review_site.words("hundred") == [["correct", "dog"]] * 100
    expect(boxes(page)).to_have_count(10)
    page.get_by_role("button", name="Undo the last word on 100 pictures").click()
    expect(page.locator(".messages")).to_contain_text("your word on 100 pictures", timeout=30_000)
    expect(boxes(page)).to_have_count(100)


def test_arrows_move_space_chooses_and_enter_stores_nothing(review_site: ReviewSite, open_grid: OpenGrid) -> None:
    review_site.make_queue("grid-arrows", 30)
    page = open_grid("grid-arrows")
    for key in ("ArrowRight", "Space", "ArrowRight", "Space", "ArrowDown", "Space", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#grid-count")).to_have_text("3 of 30 chosen")
    assert [boxes(page).nth(place).is_checked() for place in (0, 1)] == [True, True]
    assert review_site.words("grid-arrows") == []
    page.keyboard.press("3")
    expect(page.locator(".messages")).to_contain_text("3 pictures stored as “bird”.")


def test_shift_and_click_chooses_all_between(review_site: ReviewSite, open_grid: OpenGrid) -> None:
    review_site.make_queue("shift", 20)
    page = open_grid("shift")
    pictures = page.locator(".cell img")
    pictures.nth(2).click()
    pictures.nth(9).click(modifiers=["Shift"])
    expect(page.locator("#grid-count")).to_have_text("8 of 20 chosen")
    boxes(page).nth(12).click(modifiers=["Shift"])
    expect(page.locator("#grid-count")).to_have_text("11 of 20 chosen")
    pictures.nth(5).click()
    expect(page.locator("#grid-count")).to_have_text("10 of 20 chosen")


def test_a_key_without_chosen_pictures_stores_nothing(review_site: ReviewSite, open_grid: OpenGrid) -> None:
    review_site.make_queue("nothing", 3)
    page = open_grid("nothing")
    page.keyboard.press("2")
    page.locator("#labels").get_by_role("button", name="dog").click()
    expect(page.locator(".messages")).to_contain_text("Choose pictures first")
    assert review_site.words("nothing") == []


def test_what_another_reviewer_said_meanwhile_is_named(review_site: ReviewSite, open_grid: OpenGrid) -> None:
    review_site.make_queue("meanwhile", 3)
    page = open_grid("meanwhile")
    first = (boxes(page).first.get_attribute("value") or "").split(":")[0]
    review_site.run(f"said_by('bob', {first!r}, 'cat')")
    page.keyboard.press("Control+a")
    page.keyboard.press("2")
    expect(page.locator(".messages")).to_contain_text("2 pictures stored as “dog”.")
    expect(page.locator(".messages")).to_contain_text("bob reviewed this picture as “cat”")


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing_serious_and_nothing_is_too_wide(
    review_site: ReviewSite, open_grid: OpenGrid, device: dict[str, Any], scheme: str
) -> None:
    slug = f"axe-{scheme}-{len(device)}"
    review_site.make_queue(slug, 6)
    page = open_grid(slug, **device, color_scheme=scheme)
    boxes(page).first.check()
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= device["viewport"]["width"]


def test_without_scripts_the_plain_form_does_the_same(review_site: ReviewSite, open_grid: OpenGrid) -> None:
    review_site.make_queue("grid-plain", 4)
    page = open_grid("grid-plain", java_script_enabled=False)
    boxes(page).nth(1).check()
    boxes(page).nth(2).check()
    page.locator("#labels").get_by_role("button", name="bird").click()
    expect(page.locator(".messages")).to_contain_text("2 pictures stored as “bird”.")
