"""`/review/` as the server draws and takes it: for whom, without scripts, with filters, blind, empty."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from classifier.audit import forget_shares
from classifier.classifiers import create_classifier
from classifier.models import Classifier, Image, Review
from classifier.reviews import ReviewWish, record_review
from classifier.suggestions import suggest_label
from tests.review_makers import answer_all
from tests.row_makers import upload
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_audit(pets: Classifier) -> None:
    """Nothing is drawn unless a test says so."""
    Classifier.objects.update(audit_share_sure=0.0, audit_share_unsure=0.0)
    forget_shares()


@pytest.fixture
def ann(db: None) -> User:
    return person("reviewer", name="ann")


@pytest.fixture
def client(ann: User) -> Client:
    return client_of(ann)


def answered(seed: int, scores: list[float] | None = None) -> Image:
    image = upload(seed).images[0]
    answer_all(scores or [0.6, 0.4, 0.0])
    image.refresh_from_db()
    return image


def text_of(client: Client, address: str = "/review/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode().replace("\u00a0", " "))


def page_data(html: str) -> Any:
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', html)
    assert found
    return json.loads(found.group(1))


def say(client: Client, image: Image, address: str = "/review/", **fields: Any) -> str:
    """What the plain form sends; returns where it leads."""
    answer = client.post(address, {"image": str(image.id), "version": image.version, **fields})
    assert answer.status_code == 303
    return answer["Location"]


def shown(html: str) -> str:
    found = re.search(r'name="image" value="([^"]+)"', html)
    assert found
    return found.group(1)


@pytest.mark.parametrize("kind", ["", "viewer", "operator"])
@pytest.mark.parametrize("address", ["/review/", "/review/?mode=grid"])
def test_who_may_not_review_finds_no_page(kind: str, address: str) -> None:
    client = client_of(person(kind))
    assert client.get(address).status_code == 404
    assert client.post(address).status_code == 404


@pytest.mark.parametrize("kind", ["reviewer", "owner", "admin"])
def test_who_may_review_sees_it_in_the_header_with_what_waits(kind: str) -> None:
    answered(1)
    client = client_of(person(kind))
    assert 'Review<span class="nav-count">1<' in text_of(client, "/")
    assert client.get("/review/").status_code == 200


def test_a_visitor_logs_in_first_and_no_page_gets_slower_for_visitors() -> None:
    client = Client()
    assert client.get("/review/")["Location"] == "/login/?next=/review/"
    client.get("/")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        html = client.get("/").content.decode()
    assert "Review" not in html
    assert not [query for query in asked if "usefulness" in query["sql"] or "auth_" in query["sql"]]


def test_the_most_useful_picture_is_shown_with_the_guess_first_and_every_label_with_its_key(client: Client) -> None:
    answered(1, [0.9, 0.1, 0.0])
    torn = answered(2, [0.45, 0.55, 0.0])
    html = text_of(client)
    assert shown(html) == str(torn.id)
    assert '<span id="accept-words">dog 55 %</span>' in html
    assert re.findall(r'name="label" value="(\w+)" data-key="(\w)"', html) == [
        ("cat", "1"),
        ("dog", "2"),
        ("bird", "3"),
    ]
    assert page_data(html)["first"]["guess"]["label"] == "dog"
    assert "2 wait" in html


def test_of_a_blind_picture_the_page_holds_neither_guess_nor_scores_nor_suggestions(client: Client) -> None:
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    drawn = answered(1, [0.07, 0.93, 0.0])
    suggest_label(image=drawn, owner_key=drawn.owner, label_name="dog")
    html = text_of(client)
    assert shown(html) == str(drawn.id)
    first = page_data(html)["first"]
    assert (first["blind"], first["guess"], first["scores"], first["suggested"]) == (True, None, [], [])
    assert "93" not in re.sub(r'value="[^"]*"|"(id|user)": "?[^",}]*|/images/[^/]+/|csrf\S+', "", html)
    assert 'class="label-choice is-guess"' not in html
    assert "A visitor says: </p>" in html
    assert re.search(r'id="accept"[^>]* hidden', html)


def test_what_visitors_say_is_shown(client: Client) -> None:
    image = answered(1)
    suggest_label(image=image, owner_key=image.owner, label_name="bird")
    assert "A visitor says: bird" in text_of(client)


def test_the_plain_form_accepts_corrects_skips_and_goes_on(client: Client) -> None:
    images = [answered(seed) for seed in range(3)]
    assert say(client, images[0], verdict="confirm", guess="cat") == f"/review/?last={images[0].id}"
    say(client, images[1], label="bird", guess="cat")
    say(client, images[2], verdict="skip", guess="cat")
    words = [(review.verdict, str(review.label), review.place) for review in Review.objects.order_by("id")]
    assert words == [("confirm", "cat", "queue"), ("correct", "bird", "queue"), ("skip", "None", "queue")]
    assert "Nothing waits for review" in text_of(client)


def test_undo_takes_the_word_back_and_returns_to_the_picture(client: Client) -> None:
    image, _ = answered(1, [0.9, 0.1, 0.0]), answered(2)
    html = text_of(client, say(client, image, label="bird"))
    assert f'name="undo" value="{image.id}"' in html
    answer = client.post("/review/", {"undo": str(image.id)})
    assert answer["Location"] == f"/review/?image={image.id}"
    assert shown(text_of(client, answer["Location"])) == str(image.id)
    image.refresh_from_db()
    assert (image.review_state, Review.objects.count()) == ("", 2)


def test_a_lost_update_stores_nothing_and_shows_the_picture_again(client: Client) -> None:
    image = answered(1)
    record_review(image_id=image.id, user=person("reviewer", name="bob"), wish=ReviewWish("correct", "dog"))
    html = text_of(client, say(client, image, label="bird"))
    assert "bob reviewed this picture as “dog” since you opened it" in html
    assert shown(html) == str(image.id)
    assert Review.objects.count() == 1


def test_a_blind_picture_takes_no_acceptance(client: Client) -> None:
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    image = answered(1, [0.9, 0.1, 0.0])
    say(client, image, verdict="confirm", blind="1")
    assert not Review.objects.exists()
    say(client, image, label="cat", blind="1")
    assert Review.objects.get().is_blind


@pytest.mark.parametrize("fields", [{"version": "x"}, {"label": "horse"}, {"verdict": "maybe"}])
def test_what_cannot_be_read_is_said_and_stored_nowhere(fields: dict[str, str], client: Client) -> None:
    image = answered(1)
    location = say(client, image, **{"label": "dog", **fields} if "verdict" not in fields else fields)
    assert location == f"/review/?image={image.id}"
    assert '<ul class="messages">' in text_of(client, location)
    assert not Review.objects.exists()


def test_unknown_pictures_classifiers_and_methods_are_refused(client: Client) -> None:
    assert client.post("/review/", {"image": "nonsense"}).status_code == 404
    assert client.get("/review/?classifier=moon").status_code == 404
    assert client.put("/review/").status_code == 405


def test_a_page_loaded_again_shows_the_same_picture(client: Client) -> None:
    for seed in range(3):
        answered(seed)
    assert shown(text_of(client)) == shown(text_of(client))


def test_filters_stand_in_the_address_and_stay_while_reviewing(client: Client) -> None:
    cat, dog = answered(1), answered(2, [0.2, 0.8, 0.0])
    address = "/review/?label=dog&max_confidence=0.9"
    html = text_of(client, address)
    assert shown(html) == str(dog.id)
    assert "Only some pictures are shown" in html
    assert page_data(html)["query"] == {"classifier": "pets", "label": "dog", "max_confidence": "0.9"}
    assert say(client, dog, address, label="dog").startswith(address)
    html = text_of(client, address)
    assert "None of the pictures that wait passes these filters" in html
    assert "Show all that wait" in html
    assert shown(text_of(client)) == str(cat.id)


def test_a_filter_that_says_nothing_is_left_out_with_a_sentence(client: Client) -> None:
    answered(1)
    html = text_of(client, "/review/?since=soon")
    assert "The first day is written as 2026-11-21." in html
    assert 'name="image"' in html


def test_what_others_hold_is_said_where_nothing_else_waits(client: Client) -> None:
    answered(1)
    text_of(client_of(person("reviewer", name="bob")))
    assert "in the hands of other reviewers" in text_of(client)


def test_a_site_without_classifiers_says_who_makes_one(ann: User, db: None) -> None:
    Classifier.objects.update(live_version=None)
    Classifier.objects.all().delete()
    assert "There is no classifier yet" in text_of(client_of(ann))


def test_over_thirty_five_labels_are_found_by_typing(client: Client) -> None:
    create_classifier(slug="many", labels=[f"kind {number}" for number in range(36)])
    create_classifier(slug="some", labels=[f"kind {number}" for number in range(35)])
    for slug, has_search in (("many", True), ("some", False)):
        image = upload(1, classifier_slug=slug).images[0]
        Image.objects.filter(id=image.id).update(usefulness=1.0)
        html = text_of(client, f"/review/?classifier={slug}")
        assert ('id="label-search"' in html) == has_search
        assert ('data-key="z"' in html) == (not has_search)
        assert 'aria-keyshortcuts="0"' in html


def test_where_nothing_waits_the_page_leads_to_the_classifiers_where_something_does(client: Client) -> None:
    answered(1)
    create_classifier(slug="bare", name="Bare", labels=["yes", "no"])
    empty = text_of(client, "/review/?classifier=bare")
    assert 'Elsewhere something waits: <a href="/review/?classifier=pets">Pets</a> (1).' in empty
    assert "Elsewhere something waits" in text_of(client, "/review/?classifier=bare&mode=grid")
    assert "Elsewhere" not in text_of(client, "/review/?classifier=pets")
