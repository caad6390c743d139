"""A real Chromium on the real stack. Without Chromium these tests are skipped, and say how to get it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.site import Site
from tests.browser.upload_page import UploadPage

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OpenPage = Callable[..., UploadPage]
# Playwright's own five seconds are little on a machine that runs other tests beside; what is there costs no waiting.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a browser and starts processes."""
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.processes)


@contextmanager
def _running(site: Site) -> Iterator[Site]:
    try:
        site.start()
        yield site
    finally:
        code = site.stop()
    assert code == 0, "".join(site.lines)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One `manage.py up` for many files: each test is another visitor and sees only its own pictures."""
    with _running(Site(tmp_path_factory.mktemp("site"))) as running:
        yield running


@pytest.fixture(scope="session")
def quiet_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One without workers for several files, so that all is as the tests make it: each has classifiers of its own."""
    with _running(Site(tmp_path_factory.mktemp("quiet"), "--no-worker")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each module: Playwright keeps an event loop running, and other tests need their own."""
    if CHROMIUM is None:
        pytest.skip("browser tests need Chromium; on Debian: apt-get install chromium")
    with sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[OpenPage]:
    """Opens the page for a new visitor; options are those of a Playwright context."""
    contexts = []

    def opened(**options: Any) -> UploadPage:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        return UploadPage(context, site.address).open()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def upload_page(open_page: OpenPage) -> UploadPage:
    """One visitor at a desk."""
    return open_page()
