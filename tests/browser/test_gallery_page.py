"""The gallery and the page of one picture, as people use them: by mouse, by keyboard, on a phone, without scripts."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.axe import all_findings
from tests.browser.gallery_site import PICTURES, GallerySite
from tests.browser.looks import DESK, LOOKS, PHONE
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell

OpenAs = Callable[..., Page]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[GallerySite]:
    site = Site(tmp_path_factory.mktemp("gallery"))
    try:
        site.start()
        with SiteShell(site) as shell:
            yield GallerySite(site, shell)
    finally:
        site.stop()


@pytest.fixture
def open_as(browser: Browser, gallery: GallerySite) -> Iterator[OpenAs]:
    """A page of somebody with this role; options are those of a Playwright context."""
    contexts: list[BrowserContext] = []

    def opened(role: str, name: str = "", **options: Any) -> Page:
        context = browser.new_context(**{**DESK, **options})
        contexts.append(context)
        if role != "visitor":
            gallery.log_in(context, role, name)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_as: OpenAs, gallery: GallerySite) -> Page:
    """A reviewer at a desk, in the gallery; nothing is reviewed."""
    gallery.run(
        "Review.objects.all().delete(); Image.objects.update(review_state='', settled_label=None, reviewed_version=0)"
    )
    opened = open_as("reviewer")
    opened.goto(f"{gallery.address}/images/")
    return opened


def show_all(page: Page) -> None:
    tiles = page.locator(".tile")
    while page.locator("#older a").count():
        seen = tiles.count()
        page.mouse.wheel(0, 20_000)
        page.wait_for_function("(seen) => document.querySelectorAll('.tile').length > seen", arg=seen)
    expect(tiles).to_have_count(PICTURES)


def test_older_pictures_come_by_themselves_while_scrolling(page: Page, gallery: GallerySite) -> None:
    expect(page.locator(".tile").first).to_be_visible()
    assert page.locator(".tile").count() < PICTURES
    show_all(page)
    names = page.locator(".tile img").evaluate_all("(all) => all.map((image) => image.alt)")
    assert names == gallery.run("answer = list(Image.objects.order_by('-id').values_list('name', flat=True))")


def test_many_are_selected_and_labelled_by_keyboard(page: Page) -> None:
    page.get_by_label("Select garment 109.png").focus()
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Space")
    expect(page.locator("#selection-count")).to_have_text("4 pictures selected")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#selection-count")).to_have_text("5 pictures selected")
    page.get_by_label("Label", exact=True).focus()
    page.keyboard.type("Bag")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Label them")).to_be_focused()
    page.evaluate("window.notReloaded = true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("5 pictures labelled “Bag”.")
    expect(page.locator(".tile-review")).to_have_count(5)
    expect(page.locator("#selection-count")).to_have_text("Nothing selected.")
    assert page.evaluate("window.notReloaded")


def test_a_hundred_get_their_label_at_once(page: Page, gallery: GallerySite) -> None:
    show_all(page)
    page.get_by_role("button", name="Select all shown").click()
    for number in range(10):
        page.get_by_label(f"Select garment {number}.png").uncheck()
    expect(page.locator("#selection-count")).to_have_text("100 pictures selected")
    page.get_by_label("Label", exact=True).select_option("Coat")
    page.get_by_role("button", name="Label them").click()
    expect(page.get_by_role("status")).to_have_text("100 pictures labelled “Coat”.", timeout=30_000)
    assert gallery.run("answer = Review.objects.filter(label__name='Coat', place='grid').count()") == 100


def test_shift_and_a_click_select_everything_between(page: Page) -> None:
    page.get_by_label("Select garment 105.png").click()
    page.get_by_label("Select garment 100.png").click(modifiers=["Shift"])
    expect(page.locator("#selection-count")).to_have_text("6 pictures selected")
    page.keyboard.press("Escape")
    expect(page.locator("#selection-count")).to_have_text("Nothing selected.")


def test_what_another_reviewer_did_meanwhile_is_told(page: Page, open_as: OpenAs, gallery: GallerySite) -> None:
    other = open_as("reviewer", "anna")
    other.goto(page.url)
    for reviewer, label in ((other, "Dress"), (page, "Coat")):
        reviewer.get_by_label("Select garment 50.png").or_(reviewer.get_by_label("Select garment 90.png")).first.check()
        reviewer.get_by_label("Label", exact=True).select_option(label)
        reviewer.get_by_role("button", name="Label them").click()
        expect(reviewer.get_by_role("status")).to_contain_text("labelled")
    expect(page.get_by_role("status")).to_contain_text("0 pictures labelled “Coat”. 1 not: anna reviewed this picture")


def test_the_selection_is_exported(page: Page, tmp_path: Path) -> None:
    expect(page.get_by_role("button", name="Export selected")).to_be_disabled()
    for number in (100, 101):
        page.get_by_label(f"Select garment {number}.png").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export selected").click()
    download.value.save_as(tmp_path / "pictures.csv")
    with (tmp_path / "pictures.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["garment 101.png", "garment 100.png"]


def test_filters_stand_in_the_address_and_come_off_one_by_one(page: Page) -> None:
    page.get_by_label("Name").fill("garment 10")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Review", exact=True).select_option("Not reviewed")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".tile")).to_have_count(11)
    assert "name=garment+10" in page.url
    page.get_by_role("link", name="Remove the filter Review").click()
    assert "reviewed" not in page.url
    expect(page.locator(".tile")).to_have_count(11)


def test_a_reviewer_confirms_and_corrects_on_the_page_of_a_picture(page: Page) -> None:
    page.locator(".tile a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("garment 109.png")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#review")).to_contain_text("A reviewer says:")
    expect(page.locator(".words").first).to_contain_text("Confirmed")
    page.get_by_label("No, it is").select_option("Bag")
    page.get_by_role("button", name="Correct it").click()
    expect(page.locator("#review")).to_contain_text("A reviewer says: Bag.")
    page.get_by_role("button", name="Take my word back").click()
    expect(page.locator(".words").first).to_contain_text("Took the word before back")


def test_a_page_that_is_open_shows_what_others_do(page: Page, gallery: GallerySite) -> None:
    with page.expect_websocket() as opened:
        page.goto(gallery.of(3))
    opened.value.wait_for_event("framereceived")
    gallery.run(
        "from classifier.reviews import *; "
        "record_review(image_id=Image.objects.all()[3].id, user=person('reviewer', name='anna'), "
        "wish=ReviewWish('correct', 'Dress'))"
    )
    expect(page.locator("#review")).to_contain_text("A reviewer says: Dress.")
    expect(page.locator(".words").first).to_contain_text("anna")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#review")).to_be_visible()


def test_why_is_shown_over_the_picture_and_hidden_again(page: Page, gallery: GallerySite) -> None:
    page.goto(gallery.of(5))
    page.get_by_role("button", name="Show why").press("Enter")
    heat = page.locator("#heat")
    expect(heat).to_be_visible(timeout=120_000)
    assert heat.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [56, 56]
    expect(page.locator("#why-words")).to_contain_text("Warm colours lie on what spoke for")
    page.get_by_role("button", name="Hide why").click()
    expect(heat).to_have_count(0)
    page.get_by_role("button", name="Show why").click()
    expect(heat).to_be_visible()


def test_a_visitor_suggests_on_their_own_picture_and_sees_no_other(open_as: OpenAs, gallery: GallerySite) -> None:
    page = open_as("visitor")
    page.goto(f"{gallery.address}/images/")
    expect(page.get_by_text("No pictures yet.")).to_be_visible()
    data = bytes(gallery.run("answer = list(draw(999))"))
    part: Any = {"name": "mine.png", "mimeType": "image/png", "buffer": data}
    sent = page.request.post(f"{gallery.address}/api/v1/images?wait=20", multipart={"file": part})
    page.goto(f"{gallery.address}/images/{sent.json()['images'][0]['id']}/")
    page.get_by_label("No, it is").select_option("Bag")
    page.get_by_role("button", name="Suggest it").click()
    expect(page.locator("#review")).to_contain_text("You suggested “Bag”. A reviewer will look at it.")
    assert page.goto(gallery.of(9)).status == 404  # type: ignore[union-attr]
    gallery.run(
        "image = Image.objects.get(name='mine.png'); image.current_prediction = None; image.save(); image.delete()"
    )


def test_everything_but_the_comfort_works_without_scripts(open_as: OpenAs, gallery: GallerySite) -> None:
    page = open_as("reviewer", java_script_enabled=False)
    page.goto(f"{gallery.address}/images/")
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".tile").first).to_be_visible()
    page.locator(".tile-check input").first.check()
    page.get_by_label("Label", exact=True).select_option("Bag")
    page.get_by_role("button", name="Label them").click()
    expect(page.locator(".messages")).to_contain_text("labelled “Bag”")
    page.locator(".tile a").first.click()
    page.get_by_role("button", name="Show why").click()
    expect(page.locator("#heat").or_(page.get_by_text("The heat map is being made"))).to_be_visible()


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing(open_as: OpenAs, gallery: GallerySite, device: dict[str, Any], scheme: str) -> None:
    page = open_as("owner", **device, color_scheme=scheme)
    for address in (f"{gallery.address}/images/?reviewed=no", f"{gallery.address}/images/?name=none", gallery.of(7)):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert all_findings(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= device["viewport"]["width"], address


def test_everything_that_can_be_touched_is_large_enough(open_as: OpenAs, gallery: GallerySite) -> None:
    page = open_as("owner", **PHONE)
    for address in (f"{gallery.address}/images/?reviewed=no", gallery.of(7)):
        page.goto(address)
        too_small = page.evaluate(
            """() => [...document.querySelectorAll("main a, main button, main select, main summary, .tile-check")]
              .filter((element) => element.checkVisibility() && !element.closest("p:not(.actions), td, th, nav"))
              .map((element) => [element.textContent.trim(), element.getBoundingClientRect()])
              .filter(([, box]) => box.height < 44 || box.width < 44)
              .map(([words, box]) => `${words} ${box.width} by ${box.height}`)"""
        )
        assert too_small == [], address
