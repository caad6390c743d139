"""The upload page as the server draws it, and the plain form for browsers without scripts."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.errors import StorageUnavailable
from classifier.models import Classifier, Image, Prediction
from classifier.reviews import ReviewWish, record_review, withdraw_review
from tests.review_makers import answer_all, reviewer
from tests.row_makers import LABELS, png_bytes, upload
from tests.webapp.people import person

pytestmark = pytest.mark.django_db


def page_data(html: str) -> dict[str, Any]:
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def picture(seed: int, name: str = "shoe.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png_bytes(seed), content_type="image/png")


def test_the_page_tells_its_scripts_the_classifiers_limits_and_addresses(client: Client, pets: Classifier) -> None:
    data = page_data(client.get("/").content.decode())
    assert data["classifiers"] == [{"slug": "pets", "name": "Pets", "labels": LABELS}]
    assert data["images_url"] == "/api/v1/images"
    assert data["live_path"] == "/ws/results/"
    assert data["upload_max_bytes"] == 10_000_000


def test_the_first_answer_gives_the_visitor_the_cookie_that_the_socket_reads(client: Client, pets: Classifier) -> None:
    assert client.get("/").cookies["whatsit_visitor"]["httponly"]


def test_one_classifier_needs_no_choice(client: Client, pets: Classifier) -> None:
    assert "<select" not in client.get("/").content.decode()


def test_several_classifiers_are_offered_default_first(client: Client, pets: Classifier) -> None:
    create_classifier(slug="birds", name="Birds", labels=["owl", "tit"])
    html = client.get("/").content.decode()
    assert re.findall(r'<option value="(\w+)">', html) == ["pets", "birds"]


def test_a_site_without_classifier_says_what_is_missing(client: Client) -> None:
    html = client.get("/").content.decode()
    assert "There is nobody to ask yet." in html
    assert 'id="choose"' not in html
    assert "<script" not in html


def test_a_site_closed_to_visitors_asks_them_to_log_in(client: Client, pets: Classifier, settings: Any) -> None:
    settings.ANONYMOUS_UPLOADS = False
    html = client.get("/").content.decode()
    assert "/login/?next=%2F" in html
    assert 'id="choose"' not in html


def test_a_script_element_in_a_name_stays_text(client: Client, pets: Classifier) -> None:
    create_classifier(slug="evil", name="</script><script>alert(1)</script>", labels=["a"])
    assert "<script>alert" not in client.get("/").content.decode()


def test_the_page_has_no_inline_script_or_style_and_no_outside_address(client: Client, pets: Classifier) -> None:
    html = client.get("/").content.decode()
    assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', html)


def test_the_policy_allows_nothing_from_elsewhere(client: Client, pets: Classifier) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_plain_form_leads_to_the_page_that_shows_its_pictures(client: Client, pets: Classifier) -> None:
    answer = client.post("/", {"file": [picture(1), picture(2)]})
    assert answer.status_code == 303
    ids = parse_qs(urlsplit(answer["Location"]).query)["image"]
    assert len(ids) == 2
    html = client.get(answer["Location"]).content.decode()
    assert html.count("Waiting for its answer") == 2
    assert '<meta http-equiv="refresh" content="3">' in html


def test_the_plain_form_is_a_person_who_waits(client: Client, pets: Classifier) -> None:
    client.post("/", {"file": picture(1)})
    assert Image.objects.get().source == Image.Source.PAGE
    assert Prediction.objects.get().priority == Prediction.PERSON_WAITS


def test_an_answer_shows_its_three_likeliest_labels(client: Client, pets: Classifier) -> None:
    address = answered(client, pets, scores=[0.974, 0.02, 0.006])
    html = client.get(address).content.decode()
    assert re.findall(r'score-label">(\w+)<', html) == ["cat", "dog", "bird"]
    assert "97\u00a0%" in html
    assert "model v1" in html
    assert "refresh" not in html


def test_an_unsure_answer_says_so(client: Client, pets: Classifier) -> None:
    address = answered(client, pets, scores=[0.48, 0.41, 0.11], unsure=True)
    assert "Not sure: cat 48\u00a0% or dog 41\u00a0%" in client.get(address).content.decode()


def test_an_unfamiliar_picture_counts_as_unsure(client: Client, pets: Classifier) -> None:
    address = answered(client, pets, scores=[0.9, 0.05, 0.05], unfamiliar=True)
    assert "Not sure: unlike the pictures it learned from" in client.get(address).content.decode()


def answered(client: Client, pets: Classifier, *, scores: list[float], **outcome: bool) -> str:
    """Uploads by the form and writes the answer into the row; returns the address of the page that shows it."""
    address = str(client.post("/", {"file": picture(1)})["Location"])
    prediction = Prediction.objects.get()
    Prediction.objects.filter(id=prediction.id).update(
        state=Prediction.State.DONE,
        model_version=pets.live_version,
        scores=scores,
        confidence=scores[0],
        done_at=prediction.queued_at,
        **outcome,
    )
    return address


def test_a_failed_prediction_shows_its_reason(client: Client, pets: Classifier) -> None:
    address = str(client.post("/", {"file": picture(1)})["Location"])
    Prediction.objects.update(
        state=Prediction.State.FAILED, failure_code="x", failure_reason="The stored file is gone."
    )
    assert "The stored file is gone." in client.get(address).content.decode()


def test_refused_files_are_named_with_their_sentence_beside_the_accepted_ones(client: Client, pets: Classifier) -> None:
    notes = SimpleUploadedFile("notes.pdf", b"%PDF-1.4")
    answer = client.post("/", {"file": [picture(1), notes]}, follow=True)
    html = answer.content.decode()
    assert "notes.pdf: This is not a JPEG, PNG or WebP picture." in html
    assert "Waiting for its answer" in html
    assert "refresh" not in html, "sentences that are shown once must not vanish by themselves"
    assert "Show the answers" in html


def test_a_form_of_which_nothing_is_accepted_answers_with_the_reason(client: Client, pets: Classifier) -> None:
    answer = client.post("/", {"file": SimpleUploadedFile("notes.pdf", b"%PDF-1.4")})
    assert answer.status_code == 415
    assert "notes.pdf: This is not a JPEG" in answer.content.decode()


def test_many_refusals_are_counted_instead_of_listed(client: Client, pets: Classifier) -> None:
    files = [SimpleUploadedFile(f"{number}.txt", b"text") for number in range(14)]
    html = client.post("/", {"file": files}).content.decode()
    assert "9.txt: " in html
    assert "10.txt: " not in html
    assert "4 more files were refused." in html


def test_a_form_without_a_file_asks_for_one(client: Client, pets: Classifier) -> None:
    answer = client.post("/")
    assert answer.status_code == 400
    assert "Choose at least one picture first." in answer.content.decode()


def test_an_unknown_classifier_is_not_found(client: Client, pets: Classifier) -> None:
    answer = client.post("/", {"file": picture(1), "classifier": "nobody"})
    assert answer.status_code == 404
    assert not Image.objects.exists()


def test_a_store_that_is_away_is_no_success(client: Client, pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(key: str, data: bytes) -> None:
        raise StorageUnavailable

    monkeypatch.setattr("classifier.arriving_images.write_verified", away)
    answer = client.post("/", {"file": picture(1)})
    assert answer.status_code == 503
    assert "Nothing was stored" in answer.content.decode()


def test_a_visitor_may_not_send_where_the_site_is_closed(client: Client, pets: Classifier, settings: Any) -> None:
    settings.ANONYMOUS_UPLOADS = False
    assert client.post("/", {"file": picture(1)}).status_code == 401
    assert not Image.objects.exists()


def test_a_form_from_another_site_is_refused_in_words(pets: Classifier) -> None:
    answer = Client(enforce_csrf_checks=True).post("/", {"file": picture(1)})
    assert answer.status_code == 403
    assert "came from another site" in answer.content.decode()


def test_the_images_of_somebody_else_and_unknown_ids_are_left_out(client: Client, pets: Classifier) -> None:
    foreign = upload(5).images[0]
    html = client.get(f"/?image={foreign.id}&image=nonsense").content.decode()
    assert foreign.name not in html


def test_other_methods_are_refused(client: Client) -> None:
    assert client.put("/").status_code == 405


def test_an_unknown_address_answers_with_our_page(client: Client) -> None:
    answer = client.get("/nothing-here")
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.content.decode()


def test_the_header_lists_only_pages_that_exist_and_marks_this_one(client: Client) -> None:
    html = client.get("/").content.decode()
    assert '<a href="/" aria-current="page">Upload</a>' in html
    assert re.findall(r'<li><a href="([^"]+)"', html) == [
        "/",
        "/images/",
        "/classifiers/",
        "/training/",
        "/api/docs",
        "/login/",
    ]


def say(client: Client, image: Image, label: str) -> None:
    assert client.post(f"/images/{image.id}/label", {"label": label}).status_code == 303


def said(client: Client) -> Any:
    return page_data(client.get("/").content.decode())["said"]


def send(client: Client, seed: int) -> Image:
    client.get("/")
    client.post("/", {"file": picture(seed)})
    answer_all([0.5, 0.4, 0.1])
    return Image.objects.order_by("-id")[0]


def test_a_page_loaded_again_still_shows_what_its_visitor_suggested(client: Client, pets: Classifier) -> None:
    image = send(client, 1)
    say(client, image, "cat")
    say(client, image, "dog")
    assert said(client) == {str(image.id): "You said: dog; a reviewer will look at it."}
    html = client.get(f"/?image={image.id}").content.decode()
    assert "You said: dog; a reviewer will look at it." in html.partition('id="page-data"')[0]
    record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("correct", "cat"))
    assert said(client) == {str(image.id): "You said: dog; a reviewer has looked at it."}


def test_nobody_is_told_what_others_said(client: Client, pets: Classifier) -> None:
    image = send(client, 1)
    say(client, image, "dog")
    assert said(Client()) == {}


def test_a_reviewer_is_told_the_own_review_until_it_is_taken_back(client: Client, pets: Classifier) -> None:
    ann = person("reviewer")
    client.force_login(ann)
    image = send(client, 1)
    say(client, image, "dog")
    assert said(client) == {str(image.id): "You said: dog."}
    withdraw_review(image_id=image.id, user=ann)
    assert said(client) == {}
