"""“Right?” on the upload page: a visitor's word is a suggestion, a reviewer's a review; with and without a mouse."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import pictures
from tests.browser.axe import serious_findings
from tests.browser.conftest import OpenPage
from tests.browser.looks import LOOKS
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell
from tests.browser.upload_page import UploadPage

THANKS = "Thank you: a reviewer will look at it."
SUGGESTED = """
from classifier.models import Review, Suggestion
answer = {
    "suggested": list(Suggestion.objects.filter(image_id=%r, handled_at=None).values_list("label__name", flat=True)),
    "reviewed": list(Review.objects.filter(image_id=%r).values_list("verdict", "label__name")),
}
"""
LOG_IN = """
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
user = get_user_model().objects.get_or_create(username="words-reviewer")[0]
user.groups.add(Group.objects.get(name="reviewer"))
client = Client()
client.force_login(user)
answer = client.cookies[settings.SESSION_COOKIE_NAME].value
"""


def stored_words(site: Site, image_id: str) -> dict[str, Any]:
    with SiteShell(site) as shell:
        words: dict[str, Any] = shell.run(SUGGESTED % (image_id, image_id))
    return words


def answered(upload_page: UploadPage, seed: int) -> str:
    """One picture with its answer; returns the file's name."""
    name = f"word-{seed}.png"
    upload_page.drop([pictures.small_picture(seed, name)])
    upload_page.expect_answers(1)
    return name


def test_a_visitors_tick_is_kept_as_a_suggestion(site: Site, upload_page: UploadPage) -> None:
    card = upload_page.card(answered(upload_page, 811))
    answer = card.locator(".score-label").first.inner_text()
    card.get_by_role("button", name="Right: word-811.png").click()
    expect(card.locator(".question")).to_contain_text(THANKS)
    expect(upload_page.page.locator("#announcements")).to_contain_text(f"word-811.png: {THANKS}")
    assert stored_words(site, upload_page.images()[0]["id"]) == {"suggested": [answer], "reviewed": []}


def test_the_right_label_is_chosen_by_keyboard_alone(site: Site, upload_page: UploadPage) -> None:
    card = upload_page.card(answered(upload_page, 812))
    page = upload_page.page
    card.get_by_role("button", name="Wrong, choose what it is").focus()
    page.keyboard.press("Enter")
    expect(card.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("San")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(card.locator(".question")).to_contain_text(THANKS)
    expect(card.get_by_role("button", name="Change: word-812.png")).to_be_focused()
    assert stored_words(site, upload_page.images()[0]["id"]) == {"suggested": ["Sandal"], "reviewed": []}
    page.reload()
    expect(card.locator(".question")).to_contain_text("You said: Sandal; a reviewer will look at it.")
    expect(card.get_by_role("button", name="Change: word-812.png")).to_be_visible()


def test_escape_closes_the_list_and_nothing_is_stored(site: Site, upload_page: UploadPage) -> None:
    card = upload_page.card(answered(upload_page, 813))
    card.get_by_role("button", name="Wrong, choose what it is").click()
    upload_page.page.keyboard.press("Escape")
    expect(card.get_by_role("button", name="Right: word-813.png")).to_be_focused()
    assert stored_words(site, upload_page.images()[0]["id"]) == {"suggested": [], "reviewed": []}


def test_a_reviewers_word_is_a_review(site: Site, open_page: OpenPage) -> None:
    with SiteShell(site) as shell:
        key = shell.run(LOG_IN)
    cookie = {"name": "sessionid", "value": key, "url": site.address}
    upload_page = open_page(storage_state={"cookies": [], "origins": []})
    upload_page.context.add_cookies([cookie])  # type: ignore[list-item]
    upload_page.page.reload()
    upload_page.await_snapshots(2)
    card = upload_page.card(answered(upload_page, 814))
    card.get_by_role("button", name="Wrong, choose what it is").click()
    card.get_by_role("combobox").select_option("Coat")
    card.get_by_role("button", name="Save").click()
    expect(card.locator(".question")).to_contain_text("Saved: Coat.")
    words = stored_words(site, upload_page.images()[0]["id"])
    assert words["suggested"] == []
    assert [label for _, label in words["reviewed"]] == ["Coat"]


def test_what_the_site_refuses_is_said_and_can_be_tried_again(upload_page: UploadPage) -> None:
    card = upload_page.card(answered(upload_page, 815))
    upload_page.page.route("**/reviews", lambda route: route.abort())
    card.get_by_role("button", name="Right: word-815.png").click()
    expect(card.locator(".question")).to_contain_text("The site could not be reached.")
    upload_page.page.unroute("**/reviews")
    card.get_by_role("button", name="Right: word-815.png").click()
    expect(card.locator(".question")).to_contain_text(THANKS)


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing_serious_in_any_stage(open_page: OpenPage, device: dict[str, Any], scheme: str) -> None:
    upload_page = open_page(**device, color_scheme=scheme)
    upload_page.drop([pictures.small_picture(seed, f"axe-{seed}.png") for seed in (821, 822, 823)])
    upload_page.expect_answers(3)
    upload_page.card("axe-822.png").get_by_role("button", name="Wrong, choose what it is").click()
    upload_page.card("axe-823.png").get_by_role("button", name="Right: axe-823.png").click()
    expect(upload_page.card("axe-823.png")).to_contain_text(THANKS)
    assert serious_findings(upload_page.page) == []
    boxes = [box.bounding_box() for box in upload_page.page.locator(".question :is(button, select)").all()]
    assert boxes
    assert all(box and box["height"] >= 44 and box["width"] >= 44 for box in boxes)
    assert upload_page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_a_plain_form_takes_the_word(site: Site, open_page: OpenPage) -> None:
    context = open_page().context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    page = context.new_page()
    page.goto(site.address + "/")
    page.locator("#choose").set_input_files([pictures.small_picture(831, "plain.png").as_payload()])
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Say so").wait_for(timeout=30_000)
    page.get_by_role("combobox").last.select_option("Bag")
    page.get_by_role("button", name="Say so").click()
    expect(page.get_by_text(f"plain.png: {THANKS}")).to_be_visible()
    assert stored_words(site, page.url.partition("image=")[2]) == {"suggested": ["Bag"], "reviewed": []}
    context.close()
