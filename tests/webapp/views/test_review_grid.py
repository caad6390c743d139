"""`/review/?mode=grid`: many pictures, one label, and what became of each."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from classifier.audit import forget_shares
from classifier.models import Classifier, Image, Review
from classifier.reviews import ReviewWish, record_review
from tests.review_makers import answer_all
from tests.row_makers import upload
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db
GRID = "/review/?mode=grid"


@pytest.fixture(autouse=True)
def no_audit(pets: Classifier) -> None:
    """Nothing is drawn unless a test says so."""
    Classifier.objects.update(audit_share_sure=0.0, audit_share_unsure=0.0)
    forget_shares()


@pytest.fixture
def client(db: None) -> Client:
    return client_of(person("reviewer", name="ann"))


def answered(count: int, *, first: int = 0) -> list[Image]:
    made = [upload(seed).images[0] for seed in range(first, first + count)]
    answer_all([0.6, 0.4, 0.0])
    for image in made:
        image.refresh_from_db()
    return made


def text_of(client: Client, address: str = GRID) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode().replace("\u00a0", " "))


def chosen(images: list[Image]) -> list[str]:
    return [f"{image.id}:{image.version}" for image in images]


def test_what_waits_is_shown_but_never_what_the_audit_drew(client: Client) -> None:
    seen = answered(3)
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    drawn = answered(2, first=10)
    html = text_of(client)
    assert all(str(image.id) in html for image in seen)
    assert not any(str(image.id) in html for image in drawn)


def test_one_label_is_stored_for_all_that_were_chosen(client: Client) -> None:
    images = answered(4)
    answer = client.post(GRID, {"image": chosen(images[:3]), "label": "dog"}, follow=True)
    assert "3 pictures stored as “dog”." in answer.content.decode()
    assert Image.objects.filter(settled_label__name="dog").count() == 3
    assert set(Review.objects.values_list("verdict", "place")) == {("correct", "grid")}


def test_the_models_own_label_is_a_confirmation(client: Client) -> None:
    client.post(GRID, {"image": chosen(answered(2)), "label": "cat"})
    assert set(Review.objects.values_list("verdict", flat=True)) == {"confirm"}


def test_what_others_reviewed_meanwhile_is_named_and_kept_as_they_said(client: Client) -> None:
    images = answered(3)
    record_review(image_id=images[0].id, user=person("reviewer", name="bob"), wish=ReviewWish("correct", "bird"))
    text = client.post(GRID, {"image": chosen(images), "label": "dog"}, follow=True).content.decode()
    assert "2 pictures stored as “dog”." in text
    assert "0.png: bob reviewed this picture as “bird”" in text
    images[0].refresh_from_db()
    assert str(images[0].settled_label) == "bird"


def test_the_last_word_can_be_taken_back_for_all_at_once(client: Client) -> None:
    images = answered(3)
    text = client.post(GRID, {"image": chosen(images), "label": "dog"}, follow=True).content.decode()
    assert "Undo the last word on 3 pictures" in text
    text = client.post(GRID, {"undo": "1"}, follow=True).content.decode()
    assert "your word on 3 pictures" in text
    assert "Undo the last word" not in text
    assert Image.objects.filter(review_state="", usefulness__isnull=False).count() == 3


def test_a_label_without_pictures_stores_nothing_and_says_so(client: Client) -> None:
    answered(1)
    assert "Choose pictures first" in client.post(GRID, {"label": "dog"}, follow=True).content.decode()
    text = client.post(GRID, {"label": "horse", "image": chosen(answered(1, first=5))}, follow=True).content.decode()
    assert "no label “horse”" in text
    assert not Review.objects.exists()


def test_two_reviewers_see_different_pictures(client: Client) -> None:
    images = answered(3)
    text_of(client)
    html = text_of(client_of(person("reviewer", name="bob")))
    assert not any(str(image.id) in html for image in images)
    assert "in the hands of other reviewers" in html
