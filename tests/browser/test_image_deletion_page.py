"""The page that asks before a picture is deleted: by keyboard, on a phone, light and dark."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.browser import pictures
from tests.browser.axe import serious_findings
from tests.browser.conftest import OpenPage
from tests.browser.looks import LOOKS


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_a_picture_is_deleted_by_keyboard_after_one_question(
    open_page: OpenPage, device: dict[str, Any], scheme: str
) -> None:
    upload_page = open_page(**device, color_scheme=scheme)
    upload_page.drop([pictures.small_picture(7, "a_very_long_name_without_any_space_" * 3 + ".png")])
    upload_page.expect_answers(1)
    page = upload_page.page
    api = urljoin(page.url, "/api/v1/images")
    identifier = page.request.get(api).json()["images"][0]["id"]
    page.goto(urljoin(page.url, f"/images/{identifier}/delete"))
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/deletion-{device['viewport']['width']}-{scheme}.png", full_page=True)
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= device["viewport"]["width"]
    button = page.get_by_role("button", name="Delete it everywhere")
    for _ in range(30):
        if button.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: not address.endswith("/delete"))
    assert page.request.get(f"{api}/{identifier}").status == 404
