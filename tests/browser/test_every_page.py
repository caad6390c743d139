"""Every page of the site, at a desk and on a phone, light and dark: for everybody, by keyboard, without complaints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.browser.axe import serious_findings
from tests.browser.looks import DESK, LOOKS
from tests.browser.page_list import NO_PAGES, OPEN_TO_VISITORS, PAGES, FilledSite, named_addresses
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell
from tests.browser.upload_page import WATCH_POLICY

TO_BE_REACHED = """() => {
  const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled;
  const groups = new Set();
  const isFirstOfGroup = (element) => {
    if (element.type !== "radio") return true;
    const isNew = !groups.has(element.name);
    groups.add(element.name);
    return isNew;
  };
  window.unreached = new Set([...document.querySelectorAll(all)]
    .filter((element) => element.tabIndex >= 0 && element.type !== "hidden" && seen(element)).filter(isFirstOfGroup));
  return window.unreached.size;
}"""
MARK_REACHED = """() => {
  const reached = document.activeElement;
  for (const element of window.unreached) {
    const isSameGroup = element.type === "radio" && element.name === reached.name;
    if (element === reached || isSameGroup) window.unreached.delete(element);
  }
  return window.unreached.size;
}"""
SAY_UNREACHED = "() => [...window.unreached].map((element) => element.outerHTML.slice(0, 120))"
SPARE_PRESSES = 30
DJANGOS_SEARCH = "label-title-only: [['#searchbar']]"
"""Its label is a picture with the words “Search”, which are read aloud and which this rule does not count."""

OpenPage = Any


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledSite]:
    site = Site(tmp_path_factory.mktemp("every-page"), "--no-worker")
    try:
        site.start()
        with SiteShell(site) as shell:
            yield FilledSite.fill(site, shell, tmp_path_factory.mktemp("pictures"))
    finally:
        site.stop()


class Watched:
    """A page of somebody who may do everything, with whatever it complained about or asked for elsewhere."""

    def __init__(self, context: BrowserContext, filled: FilledSite) -> None:
        self.complaints: list[str] = []
        self._ours = (filled.address, filled.address.replace("http", "ws", 1), "data:", "blob:")
        self.page: Page = context.new_page()
        self.page.add_init_script(WATCH_POLICY)
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught {error}"))
        self.page.on("request", lambda request: self._watch(request.url))

    def _watch(self, address: str) -> None:
        if not address.startswith(self._ours):
            self.complaints.append(f"asked for {address}")

    def open(self, address: str) -> Response:
        answer = self.page.goto(address)
        assert answer
        self.page.wait_for_load_state("load")
        return answer

    def look(self, address: str) -> list[str]:
        """What is wrong with the page at this address, in words."""
        self.complaints.clear()
        answer = self.open(address)
        assert self.page.viewport_size
        # Not innerWidth: a phone zooms out until what is too wide fits.
        width = [self.page.evaluate("document.documentElement.scrollWidth"), self.page.viewport_size["width"]]
        wrong = [] if answer.status == 200 else [f"it answers {answer.status}"]
        wrong += [f"it is {width[0]} pixels wide on {width[1]}"] if width[0] > width[1] else []
        wrong += serious_findings(self.page)
        wrong += self.page.evaluate("window.policyViolations")
        return [f"{address}: {words}" for words in [*wrong, *self.complaints]]


@pytest.fixture
def watch(browser: Browser, filled: FilledSite) -> Iterator[Any]:
    contexts: list[BrowserContext] = []

    def opened(*, logged_in: bool = True, **options: Any) -> Watched:
        context = browser.new_context(**options)
        contexts.append(context)
        if logged_in:
            session = filled.rows["session"]
            context.add_cookies([{"name": "sessionid", "value": session, "url": filled.address}])
        return Watched(context, filled)

    yield opened
    for context in contexts:
        context.close()


def test_every_address_has_its_place_in_the_list_of_pages() -> None:
    listed = [*PAGES, *OPEN_TO_VISITORS, *NO_PAGES]
    assert sorted(named_addresses()) == sorted(listed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_every_page_is_for_everybody_and_complains_about_nothing(
    watch: Any, filled: FilledSite, device: dict[str, Any], scheme: str
) -> None:
    watched = watch(**device, color_scheme=scheme)
    wrong = [words for address in filled.pages() for words in watched.look(address)]
    visitor = watch(logged_in=False, **device, color_scheme=scheme)
    for address in (f"{filled.address}/", f"{filled.address}/login/", f"{filled.address}/images/"):
        wrong += visitor.look(address)
    assert wrong == []


@pytest.mark.timeout(600)
def test_the_admin_pages_ask_for_nothing_elsewhere_and_complain_about_nothing(watch: Any, filled: FilledSite) -> None:
    watched = watch(**DESK)
    wrong = [words for address in filled.admin_pages() for words in watched.look(address)]
    assert [words for words in wrong if DJANGOS_SEARCH not in words] == []


@pytest.mark.timeout(600)
def test_everything_on_every_page_is_reached_by_keyboard(watch: Any, filled: FilledSite) -> None:
    watched = watch(**DESK)
    missed: list[str] = []
    for address in filled.pages():
        if address.endswith("/api/docs"):
            continue  # Swagger's own page
        watched.open(address)
        wanted: int = watched.page.evaluate(TO_BE_REACHED)
        for _ in range(wanted + SPARE_PRESSES):
            watched.page.keyboard.press("Tab")
            if watched.page.evaluate(MARK_REACHED) == 0:
                break
        missed += [f"{address}: {words}" for words in watched.page.evaluate(SAY_UNREACHED)]
    assert missed == []


def test_a_new_token_is_made_and_copied_by_keyboard_alone(watch: Any, filled: FilledSite) -> None:
    watched = watch(**DESK, permissions=["clipboard-read", "clipboard-write"])
    watched.open(f"{filled.address}/tokens/")
    watched.page.get_by_label("What will use it").fill("camera")
    watched.page.keyboard.press("Enter")
    text = watched.page.get_by_label("The new token").input_value()
    watched.page.get_by_role("button", name="Copy").press("Enter")
    watched.page.get_by_text("Copied.").wait_for()
    assert watched.page.evaluate("navigator.clipboard.readText()") == text
    assert serious_findings(watched.page) == []
    assert watched.complaints == []
