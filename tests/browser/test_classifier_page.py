"""Bringing labelled pictures through the page: a folder, a ZIP, progress, stopping, what came of it, for everybody."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import serious_findings
from tests.browser.classifier_page import draw_shapes, log_in
from tests.browser.looks import DESK, LOOKS, PHONE
from tests.browser.site import Site
from tests.dataset_makers import zip_folder
from tests.stack import await_that

IMPORT_MS = 60_000


@pytest.fixture(scope="module")
def session(browser: Browser, site: Site) -> Any:
    """The admin's cookies, for contexts of every kind."""
    context = browser.new_context()
    log_in(context, site)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(browser: Browser, session: Any) -> Iterator[Page]:
    """The admin at a desk."""
    context = browser.new_context(storage_state=session, **DESK)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def shapes(browser: Browser, session: Any, site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a classifier whose pictures were imported through the page."""
    folder = draw_shapes(tmp_path_factory.mktemp("shapes") / "shapes", {"circles": 30, "squares": 20})
    (folder / "circles" / "notes.txt").write_text("no picture")
    context = browser.new_context(storage_state=session, **DESK)
    opened = context.new_page()
    bring_folder(opened, site, "Known shapes", folder)
    expect(opened.locator("#datasets")).to_contain_text("50 pictures", timeout=IMPORT_MS)
    context.close()
    return f"{site.address}/classifiers/known-shapes/"


def bring_folder(page: Page, site: Site, name: str, folder: Path) -> None:
    page.goto(f"{site.address}/classifiers/")
    page.get_by_label("Name of the classifier").fill(name)
    page.get_by_label("A folder of this computer").set_input_files(str(folder))
    page.get_by_role("button", name="Import the pictures").click()


def has_begun(site: Site, classifier: str) -> bool:
    begun = "SELECT 1 FROM classifier_importjob WHERE done_count > 0 AND classifier_slug = ?"
    with sqlite3.connect(site.folder / "db.sqlite3") as database:
        return database.execute(begun, [classifier]).fetchone() is not None


def test_a_folder_becomes_a_classifier_while_its_progress_is_seen(page: Page, site: Site, tmp_path: Path) -> None:
    folder = draw_shapes(tmp_path / "many shapes", {"circles": 1500, "crosses": 1200, "squares": 1500})
    (folder / "README.txt").write_text("beside the labels")
    bring_folder(page, site, "Many shapes?", folder)
    page.wait_for_url("**/classifiers/many-shapes/", timeout=IMPORT_MS)
    expect(page.get_by_role("heading", level=1)).to_have_text("Many shapes?")
    await_that(lambda: has_begun(site, "many-shapes"), IMPORT_MS / 1000, "the first pictures are packed")
    with site.pause_part("worker -Q default"):
        words = re.compile(r"[1-9][\d,]* of 4,200 pictures")
        expect(page.locator("#imports")).to_contain_text(words, timeout=IMPORT_MS)
        assert 0 < page.locator("#imports progress").evaluate("(progress) => progress.position") <= 1
    datasets = page.locator("#datasets")
    expect(datasets).to_contain_text("4,200 pictures", timeout=IMPORT_MS)
    expect(datasets).to_contain_text("1 file could not be used")
    expect(page.locator("#imports [data-state=done]")).to_contain_text("4,200 pictures of 3 labels.")
    expect(page.get_by_role("row", name=re.compile("crosses.*enough"))).to_be_visible()
    page.get_by_role("link", name="many shapes", exact=True).click()
    first = page.locator(".thumbs img").first
    expect(first).to_be_visible()
    assert first.evaluate("(picture) => picture.decode().then(() => picture.naturalWidth)") == 40
    expect(page.locator(".thumbs img")).to_have_count(36)


def test_the_pages_zip_is_read_by_others(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"{site.address}/classifiers/")
    contents = {"größe/π 1.jpg": b"first", "empty.png": b"", "b/c.bin": bytes(range(256)) * 1000}
    packed = pack(page, site, [[name, data.hex()] for name, data in contents.items()], repeat=0)
    (tmp_path / "packed.zip").write_bytes(packed)
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents


@pytest.mark.long
def test_a_zip_of_very_many_files_is_read_by_others(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"{site.address}/classifiers/")
    (tmp_path / "packed.zip").write_bytes(pack(page, site, [["a", "41"]], repeat=66_000))
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        assert len(archive.namelist()) == 66_001
        assert archive.read("65999") == b"A"


def pack(page: Page, site: Site, entries: list[list[str]], *, repeat: int) -> bytes:
    """The ZIP that the page's own module makes; `repeat` adds so many files of one byte."""
    module = page.evaluate(
        "() => performance.getEntriesByType('resource').map(({ name }) => name).find((name) => /zip-writer/.test(name))"
    )
    with page.expect_download(timeout=120_000) as download:
        page.evaluate(
            """async ([address, entries, repeat]) => {
              const { ZipStream } = await import(address);
              const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
              const files = entries.map(([name, hex]) => ({ name, file: new Blob([bytes(hex)]) }));
              const one = new Blob(["A"]);
              for (let number = 0; number < repeat; number += 1) {
                files.push({ name: String(number), file: one });
              }
              const link = document.createElement("a");
              const zip = new ZipStream(files);
              const parts = [];
              for await (const part of zip.parts(10_000)) {
                parts.push(part);
              }
              const made = new Blob(parts);
              if (made.size !== zip.size) {
                throw new Error(`${made.size} bytes instead of ${zip.size}`);
              }
              link.href = URL.createObjectURL(made);
              link.download = "packed.zip";
              link.click();
            }""",
            [module, entries, repeat],
        )
    return Path(download.value.path()).read_bytes()


def test_an_upload_in_several_parts_arrives_whole(page: Page, site: Site, tmp_path: Path) -> None:
    folder = draw_shapes(tmp_path / "large shapes", {"circles": 3, "squares": 3}, side=700)
    for path in folder.rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b"\0" * 3_000_000)  # what follows the end of a JPEG is ignored
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    bring_folder(page, site, "Large shapes", folder)
    expect(page.locator("#datasets")).to_contain_text("6 pictures", timeout=IMPORT_MS)
    assert [address.rstrip("/").rpartition("/")[2] for address in sent] == ["1", "2", "3"]


def test_sending_can_be_stopped_and_leaves_the_form_as_it_was(page: Page, site: Site, tmp_path: Path) -> None:
    page.route("**/imports/parts/**", lambda route: None)
    bring_folder(page, site, "Stopped", draw_shapes(tmp_path / "shapes", {"circles": 2, "squares": 2}))
    expect(page.locator("#import-words")).to_contain_text("Sending")
    assert serious_findings(page) == []
    page.get_by_role("button", name="Stop sending").click()
    expect(page.get_by_role("alert")).to_have_text("Stopped. Nothing was imported.")
    expect(page.get_by_role("button", name="Import the pictures")).to_be_enabled()


def test_a_lost_connection_is_tried_again(page: Page, site: Site, tmp_path: Path) -> None:
    failures = iter([True, False])
    page.route("**/imports/parts/**", lambda route: route.abort() if next(failures, False) else route.continue_())
    bring_folder(page, site, "Shaky", draw_shapes(tmp_path / "shapes", {"circles": 2, "squares": 2}))
    expect(page.locator("#datasets")).to_contain_text("4 pictures", timeout=IMPORT_MS)


def test_a_refusal_is_said_at_the_form(page: Page, shapes: str) -> None:
    page.goto(shapes)
    page.get_by_role("button", name="Import the pictures").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a folder or a ZIP file")
    page.get_by_label("Or a storage URL").fill("/etc")
    page.get_by_role("button", name="Import the pictures").click()
    expect(page.get_by_role("alert")).to_contain_text("Folders of the server cannot be imported")


def test_an_unusable_zip_says_why_on_the_page(page: Page, shapes: str, tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    page.goto(shapes)
    page.get_by_label("Or a ZIP file").set_input_files(str(tmp_path / "bad.zip"))
    page.get_by_role("button", name="Import the pictures").click()
    expect(page.locator("#imports [data-state=failed]").first).to_contain_text(
        "bad.zip cannot be opened as a ZIP file", timeout=IMPORT_MS
    )


def test_the_same_pictures_again_are_said_to_be_there(page: Page, shapes: str, tmp_path: Path) -> None:
    page.goto(shapes)
    folder = draw_shapes(tmp_path / "again", {"circles": 30, "squares": 20})
    page.get_by_label("A folder of this computer").set_input_files(str(folder))
    page.get_by_role("button", name="Import the pictures").click()
    expect(page.locator("#imports")).to_contain_text("These pictures are dataset “shapes” already.", timeout=IMPORT_MS)


def test_a_running_import_can_be_cancelled(page: Page, site: Site, tmp_path: Path) -> None:
    bring_folder(page, site, "Cancelled", draw_shapes(tmp_path / "shapes", {"circles": 3000, "squares": 3000}))
    await_that(lambda: has_begun(site, "cancelled"), IMPORT_MS / 1000, "the first pictures are packed")
    with site.pause_part("worker -Q default"):
        page.get_by_role("button", name="Cancel the import shapes").click(timeout=IMPORT_MS)
        page.wait_for_load_state()
    expect(page.locator("#imports [data-state=cancelled]")).to_be_visible(timeout=IMPORT_MS)
    page.goto(f"{site.address}/classifiers/")
    expect(page.get_by_role("row", name=re.compile("Cancelled"))).to_have_count(0)


def test_a_zip_can_be_brought_without_scripts(browser: Browser, session: Any, site: Site, tmp_path: Path) -> None:
    context = browser.new_context(storage_state=session, java_script_enabled=False, **DESK)
    page = context.new_page()
    page.goto(f"{site.address}/classifiers/")
    expect(page.get_by_label("A folder of this computer")).to_be_hidden()
    archive = zip_folder(draw_shapes(tmp_path / "plain", {"circles": 3, "squares": 3}), tmp_path / "plain.zip")
    page.get_by_label("Name of the classifier").fill("Plain")
    page.get_by_label("Or a ZIP file").set_input_files(str(archive))
    page.get_by_role("button", name="Import the pictures").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Plain")
    expect(page.locator("#datasets")).to_contain_text("6 pictures", timeout=IMPORT_MS)
    context.close()


def test_a_folder_can_be_brought_by_keyboard(page: Page, shapes: str, tmp_path: Path) -> None:
    folder = draw_shapes(tmp_path / "by keyboard", {"circles": 2, "squares": 2}, seed=7)
    page.on("filechooser", lambda chooser: None)  # from the start: caught from the key press on, it may come too late
    page.goto(shapes)
    chooser_field = page.get_by_label("A folder of this computer")
    chooser_field.focus()
    expect(chooser_field).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(str(folder))
    for label in ("Or a ZIP file", "Or a storage URL", "Name of the dataset"):
        page.keyboard.press("Tab")
        expect(page.get_by_label(label)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Import the pictures")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#datasets")).to_contain_text("by keyboard", timeout=IMPORT_MS)


def test_the_target_moves_by_keyboard_and_is_kept(page: Page, shapes: str) -> None:
    page.goto(shapes)
    slider = page.get_by_role("slider")
    slider.focus()
    before = float(slider.input_value())
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#target-value")).to_have_text(f"{before + 0.5:.1f}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    expect(page.get_by_role("slider")).to_have_value(f"{before + 0.5:.1f}")


def test_the_effect_of_the_target_is_shown_while_it_moves(page: Page, site: Site) -> None:
    """The starter model was measured for no target, so the page is given a curve."""

    def with_curve(route: Any) -> None:
        answer = route.fetch()
        curve = '"target_curve": [{"target": 0.9, "sure_share": 0.8, "sure_accuracy": 0.97}, '
        curve += '{"target": 0.95, "sure_share": 0.6, "sure_accuracy": null}]'
        route.fulfill(response=answer, body=re.sub(r'"target_curve": \[.*?\](?=[,}])', curve, answer.text()))

    page.route("**/classifiers/fashion/", with_curve)
    page.goto(f"{site.address}/classifiers/fashion/")
    effect = page.locator("#target-effect")
    expect(effect).to_contain_text("answer 80.0\u00a0% of pictures surely, and 97.0\u00a0% of these answers are right")
    page.get_by_role("slider").fill("96")
    expect(effect).to_have_text("The live model would then answer 60.0\u00a0% of pictures surely.")


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_axe_finds_nothing_serious(
    browser: Browser, session: Any, site: Site, shapes: str, device: dict[str, Any], scheme: Any
) -> None:
    context = browser.new_context(storage_state=session, color_scheme=scheme, **device)
    page = context.new_page()
    for address in (f"{site.address}/classifiers/", shapes, dataset_address(page, shapes)):
        page.goto(address)
        assert serious_findings(page) == [], address
    context.close()


def test_a_phone_shows_all_and_everything_can_be_touched(
    browser: Browser, session: Any, site: Site, shapes: str
) -> None:
    context = browser.new_context(storage_state=session, **PHONE)
    page = context.new_page()
    for address in (f"{site.address}/classifiers/", shapes, dataset_address(page, shapes)):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
        too_small = page.evaluate(
            """() => [...document.querySelectorAll("main :is(a, button, select, summary, .input, .range)")]
              .filter((element) => element.checkVisibility())
              .map((element) => [element.textContent.trim() || element.id, element.getBoundingClientRect()])
              .filter(([, box]) => box.height < 44 || box.width < 44)
              .map(([words, box]) => `${words} ${box.width} by ${box.height}`)"""
        )
        assert too_small == [], address
    context.close()


def dataset_address(page: Page, shapes: str) -> str:
    page.goto(shapes)
    return str(page.locator("#datasets h3 a").first.evaluate("(link) => link.href"))


def test_the_pages_break_no_rule_of_the_content_policy(page: Page, shapes: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(shapes)
    page.locator("summary").first.click()
    page.wait_for_load_state("networkidle")
    assert said == []
