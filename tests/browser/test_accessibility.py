"""The page for everybody: without a mouse, read aloud, on a phone, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import pictures
from tests.browser.axe import serious_findings
from tests.browser.conftest import OpenPage
from tests.browser.looks import LOOKS, PHONE
from tests.browser.upload_page import UploadPage

EVERY_STATE = [
    pictures.small_picture(1),
    pictures.small_picture(2),
    pictures.no_picture(),
    pictures.no_picture("b.pdf"),
]


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing_serious(open_page: OpenPage, device: dict[str, Any], scheme: str) -> None:
    upload_page = open_page(**device, color_scheme=scheme)
    assert serious_findings(upload_page.page) == []
    upload_page.drop(EVERY_STATE)
    upload_page.expect_answers(2)
    expect(upload_page.troubled).to_have_count(2)
    assert serious_findings(upload_page.page) == []


def test_axe_finds_nothing_serious_while_pictures_are_on_their_way(upload_page: UploadPage) -> None:
    upload_page.page.route("**/api/v1/images", lambda route: None)
    upload_page.drop(EVERY_STATE)
    expect(upload_page.page.get_by_role("progressbar")).to_have_count(4)
    assert serious_findings(upload_page.page) == []


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone(open_page: OpenPage, width: int) -> None:
    upload_page = open_page(**{**PHONE, "viewport": {"width": width, "height": 700}})
    long_name = "a_very_long_name_without_any_space_" * 3 + ".png"
    upload_page.drop([pictures.small_picture(3, long_name), pictures.no_picture(long_name + ".pdf"), *EVERY_STATE])
    upload_page.expect_answers(3)
    expect(upload_page.troubled).to_have_count(3)
    assert upload_page.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phone_offers_its_camera_beside_choose(open_page: OpenPage) -> None:
    upload_page = open_page(**PHONE)
    choose = upload_page.page.locator("label[for=choose]").bounding_box()
    camera = upload_page.page.locator("label[for=camera]").bounding_box()
    assert choose
    assert camera
    assert choose["y"] == camera["y"]
    assert upload_page.page.locator("#camera").get_attribute("capture") == "environment"


def test_a_desk_offers_no_camera(upload_page: UploadPage) -> None:
    expect(upload_page.page.locator("label[for=camera]")).to_be_hidden()
    expect(upload_page.page.locator("#camera")).to_be_hidden()


def test_everything_that_can_be_touched_is_large_enough(open_page: OpenPage) -> None:
    upload_page = open_page(**PHONE)
    upload_page.drop(EVERY_STATE)
    upload_page.expect_answers(2)
    expect(upload_page.troubled).to_have_count(2)
    too_small = upload_page.page.evaluate(
        """() => [...document.querySelectorAll("a, button, select, label.button")]
          .filter((element) => element.checkVisibility() && !element.matches(".skip"))
          .map((element) => [element.textContent.trim(), element.getBoundingClientRect()])
          .filter(([, box]) => box.height < 44 || box.width < 44)
          .map(([words, box]) => `${words} ${box.width} by ${box.height}`)"""
    )
    assert too_small == []


def test_the_whole_way_works_by_keyboard(upload_page: UploadPage) -> None:
    page = upload_page.page
    page.on("filechooser", lambda chooser: None)  # from the start: caught from the key press on, it may come too late
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    if page.locator("#classifier").is_visible():  # where other tests have made a second classifier
        expect(page.locator("#classifier")).to_be_focused()
        page.keyboard.press("Tab")
    expect(page.locator("#choose")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    files = [pictures.no_picture(), pictures.small_picture(4)]
    chooser.value.set_files([file.as_payload() for file in files])
    upload_page.expect_answers(1)
    expect(upload_page.troubled).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try again: notes.pdf")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Remove: notes.pdf")).to_be_focused()
    page.keyboard.press("Enter")
    expect(upload_page.cards).to_have_count(1)
    expect(upload_page.cards.first).to_be_focused()


def test_the_focus_can_be_seen(upload_page: UploadPage) -> None:
    upload_page.page.locator("#choose").focus()
    upload_page.page.keyboard.press("Shift+Tab")
    upload_page.page.keyboard.press("Tab")
    outline = upload_page.page.locator("label[for=choose]").evaluate("(label) => getComputedStyle(label).outlineStyle")
    assert outline == "solid"


def test_answers_are_read_aloud_politely(upload_page: UploadPage) -> None:
    region = upload_page.page.locator("#announcements")
    assert region.get_attribute("aria-live") == "polite"
    upload_page.drop([pictures.small_picture(5, "spoken.png")])
    expect(region).to_contain_text("spoken.png: ", timeout=10_000)


def test_many_answers_are_read_as_a_number(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.no_picture(f"{number}.pdf") for number in range(12)])
    expect(upload_page.page.locator("#announcements")).to_contain_text("pictures in the list", timeout=10_000)


def test_nothing_moves_when_the_system_asks_for_rest(open_page: OpenPage) -> None:
    upload_page = open_page(reduced_motion="reduce")
    upload_page.drop(EVERY_STATE)
    upload_page.expect_answers(2)
    assert upload_page.page.evaluate("document.getAnimations().length") == 0
