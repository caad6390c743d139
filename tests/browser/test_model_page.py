"""The page of a model version, as people use it: pictures behind a confusion, comparing, going live, being measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.axe import all_findings
from tests.browser.looks import DESK, LOOKS, PHONE
from tests.browser.model_site import ModelSite
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell


@pytest.fixture(scope="module")
def model_site(quiet_site: Site) -> Iterator[ModelSite]:
    with SiteShell(quiet_site) as shell:
        yield ModelSite(quiet_site, shell)


@pytest.fixture
def open_context(browser: Browser, model_site: ModelSite) -> Iterator[Any]:
    contexts: list[BrowserContext] = []

    def opened(**options: Any) -> Page:
        context = browser.new_context(**{**DESK, **options})
        context.add_cookies([{"name": "sessionid", "value": model_site.session, "url": model_site.address}])
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_context: Any) -> Page:
    opened: Page = open_context()
    return opened


def follow(page: Page, address: str) -> None:
    """Open the page and wait until its socket is there."""
    with page.expect_websocket() as opened:
        page.goto(address)
    opened.value.wait_for_event("framereceived")


def test_a_field_of_the_confusion_table_leads_to_its_pictures_and_back(page: Page, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    page.goto(model_site.of(second))
    page.get_by_role("link", name="2: cat taken for dog").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("cat taken for dog")
    pictures = page.get_by_role("figure").get_by_role("img")
    expect(pictures).to_have_count(2)
    page.wait_for_function("[...document.querySelectorAll('figure img')].every((image) => image.naturalWidth === 28)")
    expect(page.get_by_role("figure").first).to_contain_text("99\u00a0% sure")
    page.get_by_role("link", name="Back to v2").click()
    expect(page).to_have_url(f"{model_site.of(second)}#confusion-title")


def test_another_version_is_chosen_and_set_beside_this_one(page: Page, model_site: ModelSite) -> None:
    first, second = model_site.make_versions()
    page.goto(model_site.of(second))
    expect(page.get_by_role("heading", name="What changed against v1")).to_be_visible()
    page.get_by_role("link", name="Open v1").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("v1")
    page.get_by_label("With version").select_option(second)
    page.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(f"{model_site.of(first)}?with={second}#compare")
    row = page.get_by_role("row", name="Accuracy")
    expect(row).to_contain_text("\u221210.0 points, worse")


def test_a_promotion_is_asked_for_tried_and_seen_to_succeed(page: Page, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    follow(page, model_site.of(second))
    expect(page.locator("#what-happens")).to_contain_text("takes the place of v1")
    with page.expect_websocket() as opened:
        page.get_by_role("button", name="Promote v2").click()
    opened.value.wait_for_event("framereceived")
    expect(page.locator("#going-live")).to_contain_text("A worker loads v2 and tries it")
    page.evaluate("window.notReloaded = true")
    model_site.run("complete_promotion(claim_promotion(worker='test'), note='It answered its 8 test pictures.')")
    expect(page.get_by_role("status")).to_contain_text("v2 is live, instead of v1.")
    expect(page.locator("#stage")).to_have_text("Live")
    roll_back = page.get_by_role("button", name="Roll back to v1")
    expect(roll_back).to_be_enabled()
    assert page.evaluate("window.notReloaded"), "the page changed by itself"
    roll_back.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("v1")
    expect(page.locator("#stage")).to_have_text("Live")
    expect(page.locator(".messages")).to_contain_text("is back at v1")


def test_a_refused_promotion_is_told_with_its_reason(page: Page, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    model_site.run(
        f"request_promotion(version=ModelVersion.objects.get(id='{second}'), user=None, reason='test')\n"
        "claimed = claim_promotion(worker='test')"
    )
    follow(page, model_site.of(second))
    model_site.run("refuse_promotion(claimed, outcome='Its files are not whole.')")
    expect(page.get_by_role("status")).to_have_text("Not promoted: Its files are not whole.")
    expect(page.locator("#going-live")).to_contain_text("Its files are not whole.")
    expect(page.get_by_role("button", name="Promote v2")).to_be_enabled()


def test_evaluate_again_waits_and_shows_the_new_figures(page: Page, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    follow(page, model_site.of(second))
    with page.expect_websocket() as opened:
        page.get_by_role("button", name="Evaluate again").click()
    opened.value.wait_for_event("framereceived")
    expect(page.locator("#glance")).to_contain_text("A train worker measures it")
    expect(page.get_by_role("button", name="Evaluate again")).to_be_disabled()
    model_site.run(
        "figures = {**make_figures(LABELS), 'accuracy': 0.9333}\n"
        f"store_evaluation(version_id=ModelVersion.objects.get(id='{second}').id, figures=figures, pack=make_pack())"
    )
    expect(page.get_by_role("status")).to_contain_text("Measured again")
    expect(page.locator("#glance")).to_contain_text("93.3\u00a0%")
    expect(page.get_by_role("button", name="Evaluate again")).to_be_enabled()


def test_news_of_other_models_change_nothing(page: Page, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    follow(page, model_site.of(second))
    model_site.make_versions()
    model_site.run(f"promote(version=ModelVersion.objects.get(id='{second}'), reason='test')")
    expect(page.get_by_role("status")).to_have_text("v2 answers now.")


def test_the_way_to_a_picture_works_by_keyboard(page: Page, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    page.goto(model_site.of(second))
    page.get_by_role("region", name="Confusion table").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="8: cat, rightly answered")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("cat taken for dog")


def test_buttons_that_cannot_be_used_say_why_before_they_are_pressed(open_context: Any, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    session = model_site.run("answer = log_in('looker', rights=('view_trainingrun',))")
    page = open_context()
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": model_site.address}])
    page.goto(model_site.of(second))
    button = page.get_by_role("button", name="Promote v2")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description(
        "A worker loads v2 and tries it first. If it answers as it should, it takes the place of v1 between two "
        "pictures; nothing is restarted, and one click brings v1 back. You may look, but not do this. Ask the owner "
        "of this site."
    )


def test_everything_but_the_news_works_without_scripts(open_context: Any, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    page = open_context(java_script_enabled=False)
    page.goto(model_site.of(second))
    page.get_by_role("link", name="2: cat taken for dog").click()
    expect(page.get_by_role("figure")).to_have_count(2)
    page.go_back()
    page.get_by_role("button", name="Promote v2").click()
    expect(page.locator("#going-live")).to_contain_text("A worker loads v2 and tries it")


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing(open_context: Any, model_site: ModelSite, device: dict[str, Any], scheme: str) -> None:
    _, second = model_site.make_versions()
    page = open_context(**device, color_scheme=scheme)
    page.goto(model_site.of(second))
    for summary in page.locator("summary").all():
        summary.click()
    assert all_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= device["viewport"]["width"]
    page.goto(f"{model_site.of(second)}cells/0/1/")
    assert all_findings(page) == []


def test_a_wide_confusion_table_scrolls_inside_its_panel(open_context: Any, model_site: ModelSite) -> None:
    _, second = model_site.make_versions()
    count = 30
    model_site.run(
        f"names = ['a long label number %d' % place for place in range({count})]\n"
        "figures = {**make_figures(names), 'confusion': [[5] * len(names) for _ in names]}\n"
        f"store_evaluation(version_id=ModelVersion.objects.get(id='{second}').id, figures=figures, pack=make_pack())"
    )
    page = open_context(**PHONE)
    page.goto(model_site.of(second))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    table = page.get_by_role("region", name="Confusion table")
    assert table.evaluate("(region) => region.scrollWidth > region.clientWidth")
    sizes = table.get_by_role("link").evaluate_all(
        "(links) => links.map((link) => link.getBoundingClientRect()).map(({ width, height }) => [width, height])"
    )
    assert len(sizes) == count * count
    assert min(min(size) for size in sizes) >= 44
