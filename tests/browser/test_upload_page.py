"""What a visitor does on the upload page, and sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import pictures
from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.browser.upload_page import ANSWER_MS, UploadPage

GARMENTS = "T-shirt/top|Trouser|Pullover|Dress|Coat|Sandal|Shirt|Sneaker|Bag|Ankle boot"


def test_ten_mixed_files_bring_eight_answers_and_two_refusals_live(upload_page: UploadPage) -> None:
    upload_page.drop(pictures.mixed_files())
    upload_page.expect_answers(8)
    expect(upload_page.troubled).to_have_count(2)
    expect(upload_page.page.locator("#counts")).to_have_text("8 answered · 2 refused")
    pushed = {frame["item"]["id"] for frame in upload_page.frames if frame["type"] == "prediction"}
    assert pushed == {image["id"] for image in upload_page.images()}
    asked = [line for line in upload_page.requested if re.search(r"GET .*/api/v1/images/[^/]+$", line)]
    assert asked == [], "the answers were pushed, so nothing had to be asked for"


def test_cards_keep_the_order_in_which_files_were_given(upload_page: UploadPage) -> None:
    files = pictures.mixed_files()
    upload_page.drop(files)
    upload_page.expect_answers(8)
    shown = upload_page.cards.all_inner_texts()
    assert [file.name in text for file, text in zip(files, shown, strict=True)] == [True] * 10


def test_an_answer_shows_three_labels_with_shares_the_version_and_the_time(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.small_picture(11, "thing.png")])
    upload_page.expect_answers(1)
    card = upload_page.card("thing.png")
    expect(card.locator(".score")).to_have_count(3)
    for row in card.locator(".score").all_inner_texts():
        assert re.fullmatch(rf"(?:{GARMENTS})\s*[<>]?\s*\d+\s%", row), row
    # The classifier is named where the site has several.
    name = re.compile(r"thing\.png · (Fashion · )?model\sv1 · (under )?\d+\.\d\ss")
    expect(card.locator(".card-name")).to_have_text(name)


def test_a_refused_file_shows_the_sites_sentence(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.no_picture()])
    card = upload_page.card("notes.pdf")
    expect(card).to_contain_text("This is not a JPEG, PNG or WebP picture.")
    expect(card.get_by_role("button", name="Try again: notes.pdf")).to_be_visible()
    card.get_by_role("button", name="Remove: notes.pdf").click()
    expect(upload_page.cards).to_have_count(0)


def test_all_refused_files_can_be_tried_again_or_removed_at_once(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.no_picture("one.pdf"), pictures.no_picture("two.pdf"), pictures.small_picture(12)])
    expect(upload_page.troubled).to_have_count(2)
    upload_page.expect_answers(1)
    with upload_page.page.expect_response("**/api/v1/images") as again:
        upload_page.page.get_by_role("button", name="Try all again").click()
    assert again.value.status == 415
    expect(upload_page.troubled).to_have_count(2)
    upload_page.page.get_by_role("button", name="Remove refused").click()
    expect(upload_page.cards).to_have_count(1)


def test_the_thumbnail_is_there_before_the_answer(upload_page: UploadPage) -> None:
    upload_page.page.route("**/api/v1/images", lambda route: None)
    upload_page.drop([pictures.large_photo(13)])
    image = upload_page.card("large photo.jpg").locator("img")
    expect(image).to_have_attribute("src", re.compile("^blob:"))
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("(element) => element.naturalWidth") > 0


def test_a_file_over_the_limit_is_refused_at_once_and_not_sent(upload_page: UploadPage) -> None:
    upload_page.drop_blank("film.mp4", size_bytes=10_000_001)
    expect(upload_page.card("film.mp4")).to_contain_text(re.compile(r"has 10\sMB; at most 10\sMB can be sent"))
    assert not any(line.startswith("POST") for line in upload_page.requested)


def test_a_picture_sent_before_says_so(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.small_picture(18, "first.png")])
    upload_page.expect_answers(1)
    upload_page.drop([pictures.small_picture(18, "again.png")])
    expect(upload_page.card("again.png")).to_contain_text("sent before", timeout=ANSWER_MS)
    upload_page.expect_answers(2)


def test_pictures_can_be_chosen(upload_page: UploadPage) -> None:
    files = [pictures.small_picture(19), pictures.small_picture(20)]
    upload_page.page.locator("#choose").set_input_files([file.as_payload() for file in files])
    upload_page.expect_answers(2)


def test_a_picture_can_be_pasted(upload_page: UploadPage) -> None:
    upload_page.paste(pictures.small_picture(21, "image.png"))
    upload_page.expect_answers(1)


def test_a_dropped_folder_is_walked_and_its_hidden_files_are_left_out(upload_page: UploadPage, tmp_path: Path) -> None:
    inner = tmp_path / "wardrobe" / "summer"
    inner.mkdir(parents=True)
    (tmp_path / "wardrobe" / "outer.png").write_bytes(pictures.small_picture(29).data)
    (inner / "inner.png").write_bytes(pictures.small_picture(30).data)
    (inner / ".DS_Store").write_bytes(b"not for us")
    upload_page.drop_path(tmp_path / "wardrobe")
    upload_page.expect_answers(2)
    expect(upload_page.cards).to_have_count(2)
    expect(upload_page.card("inner.png")).to_have_count(1)


def test_a_dropped_link_is_explained(upload_page: UploadPage) -> None:
    upload_page.drop([])
    expect(upload_page.notice).to_contain_text("There was no file in what you dropped.")


def test_a_name_full_of_markup_is_only_text(upload_page: UploadPage) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    upload_page.drop([pictures.small_picture(22, name)])
    upload_page.expect_answers(1)
    expect(upload_page.card(name)).to_have_count(1)
    assert upload_page.page.locator("#cards img[src=x]").count() == 0
    assert upload_page.policy_violations() == []


def test_pictures_are_there_again_after_a_reload(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.small_picture(23, "kept.png")])
    upload_page.expect_answers(1)
    upload_page.page.reload()
    upload_page.expect_answers(1)
    thumbnail = upload_page.card("kept.png").locator("img")
    expect(thumbnail).to_have_js_property("complete", True)
    assert thumbnail.evaluate("(element) => element.naturalWidth") == 64


def test_another_window_of_the_same_visitor_hears_too(upload_page: UploadPage) -> None:
    other = UploadPage(upload_page.context, upload_page.address).open()
    upload_page.drop([pictures.small_picture(24, "heard.png")])
    other.expect_answers(1)
    expect(other.card("heard.png")).to_have_count(1)


def test_visitors_see_only_their_own_pictures(open_page: OpenPage, upload_page: UploadPage) -> None:
    upload_page.drop([pictures.small_picture(25)])
    upload_page.expect_answers(1)
    stranger = open_page()
    expect(stranger.page.locator("#empty")).to_be_visible()
    assert stranger.images() == []
    mine = upload_page.images()[0]["id"]
    assert stranger.context.request.get(f"{stranger.address}/api/v1/images/{mine}/thumbnail").status == 404


def test_three_hundred_pictures_do_not_freeze_the_page(upload_page: UploadPage) -> None:
    files = [pictures.small_picture(1000 + number) for number in range(300)]
    upload_page.page.evaluate(
        """() => {
          window.longestFrame = 0;
          let last = performance.now();
          const measure = (now) => {
            window.longestFrame = Math.max(window.longestFrame, now - last);
            last = now;
            requestAnimationFrame(measure);
          };
          requestAnimationFrame(measure);
        }"""
    )
    upload_page.drop(files)
    upload_page.expect_answers(300, timeout_ms=120_000)
    assert upload_page.page.evaluate("window.longestFrame") < 1000
    assert sum(line.startswith("POST") for line in upload_page.requested) == 300


def test_sending_can_be_stopped(upload_page: UploadPage) -> None:
    upload_page.page.route("**/api/v1/images", lambda route: None)
    upload_page.drop([pictures.small_picture(number) for number in range(40, 60)])
    expect(upload_page.page.locator("#counts")).to_have_text("20 to send")
    upload_page.page.get_by_role("button", name="Stop sending").click()
    expect(upload_page.cards).to_have_count(0)
    expect(upload_page.page.locator("#empty")).to_be_visible()


def test_an_unsure_answer_looks_unsure(upload_page: UploadPage) -> None:
    upload_page.answer_with(state="done", unsure=True)
    upload_page.drop([pictures.small_picture(27, "hard to tell.png")])
    card = upload_page.card("hard to tell.png")
    expect(card).to_have_attribute("data-look", "unsure")
    expect(card.locator(".card-words")).to_have_text("Not sure: Shirt 48\u00a0% or Coat 41\u00a0%")
    expect(card.locator(".score")).to_have_count(3)


def test_a_failed_prediction_shows_its_reason_and_can_be_asked_again(upload_page: UploadPage) -> None:
    upload_page.answer_with(state="failed", failure={"code": "unreadable", "message": "The stored file is gone."})
    upload_page.drop([pictures.small_picture(28, "failed.png")])
    card = upload_page.card("failed.png")
    expect(card).to_contain_text("The stored file is gone.")
    upload_page.answer_with(state="done", version=2)
    card.get_by_role("button", name="Try again: failed.png").click()
    expect(card.locator(".score")).to_have_count(3)


def test_the_chosen_classifier_is_remembered(upload_page: UploadPage) -> None:
    upload_page.offer_second_classifier("cats", "Is it a cat?")
    upload_page.page.reload()
    choice = upload_page.page.get_by_label("Ask the classifier")
    expect(choice).to_have_value("fashion")
    choice.select_option("cats")
    upload_page.page.reload()
    expect(choice).to_have_value("cats")


@pytest.mark.parametrize("kind", ["unsure", "unfamiliar"])
def test_the_unsure_sentence_names_what_it_might_be(upload_page: UploadPage, kind: str) -> None:
    prediction: dict[str, object] = {"unsure": kind == "unsure", "unfamiliar": kind == "unfamiliar"}
    prediction |= {"scores": [{"label": "Shirt", "score": 0.484}, {"label": "Coat", "score": 0.41}]}
    sentence = upload_page.call_module("words", "(words, prediction) => words.unsureSentence(prediction)", prediction)
    expected = {
        "unsure": "Not sure: Shirt 48\u00a0% or Coat 41\u00a0%",
        "unfamiliar": "Not sure: unlike the pictures it learned from. Perhaps Shirt 48\u00a0%",
    }
    assert sentence == expected[kind]


def test_the_plain_form_works_without_scripts(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.address + "/")
    files = [pictures.small_picture(26, "plain.png"), pictures.no_picture()]
    page.locator("#choose").set_input_files([file.as_payload() for file in files])
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".messages")).to_contain_text("notes.pdf: This is not a JPEG, PNG or WebP picture.")
    link = page.get_by_role("link", name="Show the answers")
    if link.count():  # not where the answer was there before the page was
        link.click()
    expect(page.locator(".card .score")).to_have_count(3, timeout=ANSWER_MS)
    expect(page.locator(".card")).to_contain_text("plain.png · model v1")
    context.close()
