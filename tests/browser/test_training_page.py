"""The training pages in a real browser: press, watch the curve grow, cancel, come back; by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import serious_findings
from tests.browser.looks import LOOKS, PHONE
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell
from tests.browser.training_site import TrainingSite

THIN = "\u00a0"

OpenTrainings = Callable[..., Page]


@pytest.fixture(scope="module")
def training_site(quiet_site: Site) -> Iterator[TrainingSite]:
    with SiteShell(quiet_site) as shell:
        yield TrainingSite(quiet_site, shell)


@pytest.fixture
def open_trainings(browser: Browser, training_site: TrainingSite) -> Iterator[OpenTrainings]:
    """Opens `/training/` or what stands below it, for somebody who may train."""
    contexts = []

    def opened(path: str = "", *, rights: list[str] | None = None, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        training_site.log_in(context, rights)
        page = context.new_page()
        page.goto(f"{training_site.site.address}/training/{path}")
        return page

    yield opened
    for context in contexts:
        context.close()


def make_run(site: TrainingSite, slug: str, epochs: int = 0) -> str:
    """A classifier with a claimed run that has learned for so many epochs; returns the run's id."""
    site.run(f"make_classifier({slug!r}, {slug.capitalize()!r}); run = queue({slug!r}); claim(run.id)")
    site.run(f"epochs(1, {epochs})")
    return str(site.run("answer = str(run.id)"))


def wait_for_socket(page: Page, site: TrainingSite) -> None:
    """Until news that were pushed are on the page: the socket listens from then on."""
    for _ in range(50):
        site.run("tell(2, left=500)")
        if f"about 8{THIN}min left" in str(page.locator("#sentence").text_content()):
            return
        page.wait_for_timeout(200)
    raise AssertionError("no news reached the page")


def test_pick_press_and_watch(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    training_site.run("make_classifier('pressed', 'Pressed')")
    page = open_trainings("?classifier=pressed")
    page.get_by_label("Photos of autumn").filter(visible=True).uncheck()
    page.get_by_label("Name of this run").fill("Only spring")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Only spring")).to_be_visible()
    expect(page.locator("#sentence")).to_have_text("Waiting for its turn.")
    expect(page.locator("#facts")).not_to_contain_text("Photos of autumn")
    training_site.run("claim(TrainingRun.objects.get(name='Only spring').id)")
    expect(page.locator(".badge-running")).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("3 nearly equal to a holdout picture")


def test_the_curve_grows_without_a_reload(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    run = make_run(training_site, "growing", epochs=2)
    page = open_trainings(f"{run}/")
    accuracy = page.get_by_role("img", name="Curve of the accuracy after 2 epochs")
    expect(accuracy).to_be_visible()
    page.evaluate("window.isTheSamePage = true")
    wait_for_socket(page, training_site)
    training_site.run("epochs(3, 4)")
    expect(page.get_by_role("img", name="Curve of the accuracy after 4 epochs")).to_be_visible()
    expect(page.get_by_role("img", name="Curve of the loss after 4 epochs")).to_be_visible()
    expect(page.locator("#epochs tr")).to_have_count(4)
    expect(page.locator("#sentence")).to_have_text(f"Epoch 5 of 6, 91.9{THIN}%, about 3{THIN}min left")
    expect(page.locator("#log")).to_contain_text("epoch 4/6, validation 91.88%")
    assert page.locator("#log").text_content() == training_site.run(
        "answer = TrainingRun.objects.values_list('log', flat=True).get(id=mine.id)"
    )
    assert page.locator("#progress").evaluate("(bar) => bar.value") == pytest.approx(0.05 + 0.85 * 4 / 6, abs=0.001)
    training_site.run("epochs(5, 6); finish()")
    expect(page.get_by_text("The gate found nothing against it")).to_be_visible()
    expect(page.locator("#report")).to_contain_text(f"94.3{THIN}%")
    expect(page.locator("#report").get_by_role("link", name="v1", exact=True)).to_be_visible()
    expect(page.locator("#progress")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage")


def test_whoever_comes_back_finds_everything(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    run = make_run(training_site, "returning", epochs=1)
    page = open_trainings(f"{run}/")
    expect(page.locator("#epochs tr")).to_have_count(1)
    page.goto("about:blank")
    training_site.run("epochs(2, 5)")
    page.goto(f"{training_site.site.address}/training/{run}/")
    expect(page.get_by_role("img", name="Curve of the accuracy after 5 epochs")).to_be_visible()
    expect(page.locator("#log")).to_contain_text("epoch 5/6")


def test_the_list_follows_its_runs(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    run = make_run(training_site, "listed", epochs=1)
    page = open_trainings()
    entry = page.locator(f"#run-{run}")
    expect(entry.get_by_role("progressbar")).to_be_visible()
    for _ in range(50):
        training_site.run("tell(3)")
        if "Epoch 4 of 6" in str(entry.text_content()):
            break
        page.wait_for_timeout(200)
    expect(entry).to_contain_text("Epoch 4 of 6")
    training_site.run("fail_run(mine, reason='The disk is full.')")
    expect(entry.locator(".badge-failed")).to_be_visible()
    expect(entry).to_contain_text("The disk is full.")


def test_a_run_is_cancelled_by_keyboard(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    run = make_run(training_site, "cancelled", epochs=1)
    page = open_trainings(f"{run}/")
    page.locator("summary", has_text="Cancel…").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cancel this run")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#sentence")).to_have_text("Stopping: the run ends at its next step.")
    training_site.run("cancel_claimed_run(mine, reason='Cancelled.')")
    expect(page.locator(".badge-cancelled")).to_be_visible()
    expect(page.get_by_role("link", name="Start again with these settings")).to_be_visible()


def test_a_training_is_started_by_keyboard(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    training_site.run("make_classifier('typed', 'Typed')")
    page = open_trainings("?classifier=typed")
    page.get_by_label("Name of this run").focus()
    page.keyboard.type("By hand")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Recipe")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Epochs")).to_be_focused()
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Epochs")).to_be_visible()
    expect(page.locator("#about-epochs")).to_contain_text("must lie between 1 and 10000")
    page.get_by_label("Epochs").fill("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By hand")).to_be_visible()


def test_the_form_follows_the_classifier(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    training_site.run("make_classifier('first', 'First'); make_classifier('bare', 'Bare', None)")
    page = open_trainings("?classifier=first")
    button = page.get_by_role("button", name="Start training")
    expect(page.get_by_role("group", name="Pictures of First")).to_be_visible()
    expect(button).to_be_enabled()
    page.get_by_label("Classifier", exact=True).select_option("bare")
    expect(page.get_by_role("group", name="Pictures of First")).to_be_hidden()
    expect(page.get_by_role("group", name="Pictures of Bare")).to_be_visible()
    expect(button).to_be_disabled()
    expect(page.locator("#hindrance")).to_have_text("It has no pictures yet. Import some first.")
    expect(page.get_by_label("Backbone")).to_be_hidden()
    page.get_by_label("Recipe").select_option("transfer")
    expect(page.get_by_label("Backbone")).to_be_visible()


def test_it_works_without_scripts(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    training_site.run("make_classifier('plain', 'Plain'); make_classifier('other', 'Other')")
    page = open_trainings("?classifier=plain", java_script_enabled=False)
    expect(page.get_by_role("group", name="Pictures of Other")).to_be_visible()
    page.get_by_label("Name of this run").fill("Without scripts")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Without scripts")).to_be_visible()
    page.locator("summary", has_text="Cancel…").click()
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.locator("#sentence")).to_have_text("Cancelled before it began.")


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing_serious(
    training_site: TrainingSite, open_trainings: OpenTrainings, device: dict[str, Any], scheme: str
) -> None:
    run = make_run(training_site, f"seen-{len(device)}-{scheme}", epochs=3)
    page = open_trainings(**device, color_scheme=scheme)
    page.locator("summary", has_text="More settings").click()
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    page.goto(f"{training_site.site.address}/training/{run}/")
    expect(page.get_by_role("img", name="Curve of the accuracy")).to_be_visible()
    page.locator("summary", has_text="The curves as a table").click()
    page.locator("summary", has_text="Cancel…").click()
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def test_what_can_be_touched_is_large_enough(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    run = make_run(training_site, "touched", epochs=1)
    page = open_trainings(**PHONE)
    for path in ("", f"{run}/"):
        page.goto(f"{training_site.site.address}/training/{path}")
        too_small = page.evaluate(
            """() => [...document.querySelectorAll("button, select, .button, summary, .check, .run-title")]
              .filter((element) => element.checkVisibility())
              .map((element) => [element.textContent.trim(), element.getBoundingClientRect()])
              .filter(([, box]) => box.height < 44)
              .map(([words, box]) => `${words} ${box.width} by ${box.height}`)"""
        )
        assert too_small == []


def test_who_may_only_look_reads_why(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    training_site.run("make_classifier('looked', 'Looked')")
    page = open_trainings("?classifier=looked", rights=["view_trainingrun"])
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    expect(page.locator("#hindrance")).to_contain_text("You may look at trainings but not start them.")


def test_the_page_is_light_and_keeps_its_policy(training_site: TrainingSite, open_trainings: OpenTrainings) -> None:
    run = make_run(training_site, "weighed", epochs=3)
    page = open_trainings()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: complaints.append(str(problem)))
    page.goto(f"{training_site.site.address}/training/{run}/")
    expect(page.get_by_role("img", name="Curve of the accuracy")).to_be_visible()
    sizes = page.evaluate("performance.getEntriesByType('resource').map(({encodedBodySize}) => encodedBodySize)")
    assert sum(sizes) <= 150_000
    assert complaints == []
