"""What axe finds on a page that keeps people from using it."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def all_findings(page: Page) -> list[str]:
    """Each as its rule and the first three places."""
    return _find(page, {"minor", "moderate", "serious", "critical", None})


def serious_findings(page: Page) -> list[str]:
    """Only what axe calls serious or critical."""
    return _find(page, {"serious", "critical"})


def _find(page: Page, impacts: set[str | None]) -> list[str]:
    response: dict[str, Any] = Axe().run(page).response
    return [
        f"{found['id']}: {[node['target'] for node in found['nodes']][:3]}"
        for found in response["violations"]
        if found["impact"] in impacts
    ]
