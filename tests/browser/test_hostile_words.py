"""Words that want to run or break something are shown as text (the numbers in names are those of ASVS 5.0.0)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog

from tests.browser import pictures
from tests.browser.hostile_site import MORE_WORDS, WORDS, fill_with_hostile_words
from tests.browser.looks import DESK
from tests.browser.page_list import FilledSite
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell
from tests.browser.test_every_page import Watched
from tests.browser.upload_page import UploadPage
from tests.stack import await_that

TRIPWIRE = """
window.ranWords = [];
Object.defineProperty(window, "__ran", { set: (word) => { window.ranWords.push(word); } });
"""
PLANTED = """() => {
  const leads = /^(href|src|action|formaction|data|xlink:href)$/;
  const bad = ({ name, value }) => /^on|^srcdoc$/.test(name)
    || (leads.test(name) && /^\\s*(javascript:|data:text|(https?:)?\\/\\/evil)/i.test(value));
  return [...document.querySelectorAll("*")]
    .filter((element) => [...element.attributes].some(bad) || element.matches("iframe, object, base, math"))
    .map((element) => element.outerHTML.slice(0, 200));
}"""
SHOWN = """(words) => {
  const plain = (text) => text.replace(/\\s+/g, " ");
  const values = [...document.querySelectorAll("input, textarea")].map((field) => field.value);
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("script").forEach((script) => script.remove());
  const text = plain(copy.textContent + " " + values.join(" "));
  return words.filter((word) => !text.includes(plain(word)));
}"""
ANSWER_AND_TELL = """
from classifier.live_updates import live_sender, prediction_events
waiting = list(Image.objects.exclude(current_prediction__state="done").values_list("id", flat=True))
answer = answer_all([0.6, 0.3] + [0.1 / len(labels)] * (len(labels) - 2))
live_sender.send(prediction_events(waiting))
"""
Rows = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One without workers: their work is done here, with the words that this module wants."""
    running = Site(tmp_path_factory.mktemp("hostile"), "--no-worker")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def shell(site: Site) -> Iterator[SiteShell]:
    with SiteShell(site) as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(site: Site, shell: SiteShell, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return fill_with_hostile_words(site, shell, tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def filled(site: Site, rows: Rows) -> FilledSite:
    return FilledSite(site.address, rows)


class Suspicious(Watched):
    """A watched page that also notices whatever of the words ran, opened a dialog or became part of the page."""

    def __init__(self, context: BrowserContext, filled: FilledSite) -> None:
        super().__init__(context, filled)
        self.page.add_init_script(TRIPWIRE)
        self.page.on("dialog", self._note_dialog)

    def _note_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def findings(self) -> list[str]:
        """What is wrong with the page as it stands, in words."""
        ran = [f"ran {word}" for word in self.page.evaluate("window.ranWords")]
        planted = [f"planted {element}" for element in self.page.evaluate(PLANTED)]
        return [*self.complaints, *self.page.evaluate("window.policyViolations"), *ran, *planted]

    def look(self, address: str) -> list[str]:
        self.complaints.clear()
        answer = self.open(address)
        wrong = [] if answer.status == 200 else [f"it answers {answer.status}"]
        return [f"{address}: {words}" for words in [*wrong, *self.findings()]]

    def missing(self, address: str, words: list[str]) -> list[str]:
        """Which of the words the page does not show as text."""
        self.open(address)
        missed: list[str] = self.page.evaluate(SHOWN, words)
        return missed


@pytest.fixture
def suspicious(browser: Browser, filled: FilledSite) -> Iterator[Any]:
    contexts: list[BrowserContext] = []

    def opened(**options: Any) -> Suspicious:
        contexts.append(browser.new_context(**{**DESK, **options}))
        session = {"name": "sessionid", "value": filled.rows["session"], "url": filled.address}
        contexts[-1].add_cookies([session])  # type: ignore[list-item]
        return Suspicious(contexts[-1], filled)

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bypass_csp", [False, True], ids=["with-the-policy", "by-encoding-alone"])
def test_asvs_v1_2_1_no_word_runs_on_any_page(suspicious: Any, filled: FilledSite, bypass_csp: bool) -> None:
    watched = suspicious(bypass_csp=bypass_csp)
    addresses = [*filled.pages(), *(() if bypass_csp else filled.admin_pages())]
    before = filled.reports()
    assert [words for address in addresses for words in watched.look(address)] == []
    assert [words for address in all_tiles(watched, filled) for words in watched.look(address)] == []
    assert filled.reports() == before


def all_tiles(watched: Suspicious, filled: FilledSite) -> list[str]:
    """Every page of the gallery, on which each of the 200 names stands once, and one picture's own page."""
    assert len({*WORDS, *MORE_WORDS}) == 200
    address, found = f"{filled.address}/images/?classifier=garden", [f"{filled.address}/images/{filled.rows['named']}/"]
    while address:
        found.append(address)
        watched.open(address)
        older = watched.page.locator("a[rel=next]")
        address = filled.address + str(older.get_attribute("href")) if older.count() else ""
    assert len(found) > 3
    return found


def test_asvs_v3_4_7_what_the_policy_keeps_out_is_reported_to_the_site(suspicious: Any, filled: FilledSite) -> None:
    watched, before = suspicious(), filled.reports()
    policy = watched.open(f"{filled.address}/tokens/").headers["content-security-policy"]
    page = "<!doctype html><title>Broken</title><script>window.__ran = 1</script>"
    headers = {"content-type": "text/html", "content-security-policy": policy}
    watched.page.route("**/broken", lambda route: route.fulfill(body=page, headers=headers))
    with watched.page.expect_request("**/csp-reports"):
        watched.open(f"{filled.address}/broken")
    watched.page.wait_for_function("document.readyState === 'complete'")
    await_that(lambda: filled.reports() == before + 1, 10, "the report is counted")
    assert watched.page.evaluate("window.ranWords") == []


def test_a_word_that_is_not_encoded_would_be_noticed(suspicious: Any, filled: FilledSite) -> None:
    watched = suspicious()
    page = "<!doctype html><title>Broken</title>" + WORDS[3]
    watched.page.route("**/broken", lambda route: route.fulfill(body=page, content_type="text/html"))
    found = " ".join(watched.look(f"{filled.address}/broken"))
    assert "ran 4" in found
    assert "planted <img" in found


def test_asvs_v3_2_2_the_words_are_shown_as_text(suspicious: Any, filled: FilledSite, rows: Rows) -> None:
    watched = suspicious()
    assert watched.missing(f"{filled.address}/classifiers/", rows["classifier_names"]) == []
    assert watched.missing(f"{filled.address}/classifiers/pets/", rows["labels"]) == []
    assert watched.missing(f"{filled.address}/tokens/", rows["token_names"]) == []
    assert watched.missing(f"{filled.address}/webhooks/", rows["addresses"]) == []
    assert watched.missing(f"{filled.address}/images/{rows['reviewed']}/", rows["labels"][:2]) == []


def test_asvs_v1_3_3_what_hides_or_turns_words_around_is_kept_nowhere(rows: Rows) -> None:
    kept = ["labels", "file_names", "classifier_names", "token_names", "run_names", "addresses"]
    assert [word for kind in kept for word in rows[kind] if not word.isprintable()] == []
    assert {code for _, code in rows["refused"]} <= {"malformed_request", "unusable_address", "conflict"}


@pytest.mark.timeout(120)
def test_asvs_v3_2_2_dropped_files_are_named_as_they_are_and_answered_live(
    browser: Browser, site: Site, shell: SiteShell, rows: Rows
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    upload_page = UploadPage(context, site.address)
    upload_page.page.add_init_script(TRIPWIRE)
    upload_page.open()
    upload_page.page.locator("#classifier").select_option("pets")
    sent = [
        pictures.DroppedFile(word, "image/png", pictures.small_picture(5000 + n).data) for n, word in enumerate(WORDS)
    ]
    upload_page.drop([*sent, *(pictures.no_picture(word) for word in WORDS[:6])])
    upload_page.page.locator("#cards > .card[data-stage=queued]").nth(len(WORDS) - 1).wait_for()
    assert shell.run(ANSWER_AND_TELL) == len(WORDS)
    upload_page.expect_answers(len(WORDS))
    assert upload_page.page.evaluate(SHOWN, [*rows["labels"][:2], *WORDS[:6]]) == []
    assert upload_page.page.evaluate("window.ranWords") == []
    assert upload_page.page.evaluate(PLANTED) == []
    assert upload_page.policy_violations() == []
    assert [words for words in upload_page.requested if site.address not in words and " blob:" not in words] == []
    context.close()


def test_asvs_v3_2_1_served_pictures_carry_no_words_and_run_nothing(
    suspicious: Any, filled: FilledSite, rows: Rows
) -> None:
    request = suspicious().page.context.request
    for view in ("file", "thumbnail"):
        answer = request.get(f"{filled.address}/api/v1/images/{rows['reviewed']}/{view}")
        assert answer.status == 200
        assert answer.headers["content-type"] in {"image/png", "image/jpeg"}
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert b"__ran" not in answer.body()
        assert b"Set-Cookie" not in answer.body()
