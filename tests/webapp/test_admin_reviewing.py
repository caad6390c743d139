"""Confirming, correcting and exporting images in the admin: through the same verbs as everywhere, nothing else."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.model_registry import promote
from classifier.models import Classifier, Image, Review
from classifier.reviews import ReviewWish, record_review
from tests.review_makers import reviewer
from tests.row_makers import make_version, upload
from tests.webapp.admin_site import answer_waiting, list_address
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_user(db: None) -> User:
    """As pytest-django's, without a password: hashing one takes longer than most of these tests."""
    return User.objects.create_superuser("admin")


@pytest.fixture
def answered(pets: Classifier) -> list[Image]:
    """Two cats and a dog, as answered."""
    cats = [upload(1).images[0], upload(2).images[0]]
    answer_waiting(index=0)
    dog = upload(3).images[0]
    answer_waiting(index=1)
    return [Image.objects.get(id=image.id) for image in (*cats, dog)]


def act(client: Client, action: str, images: list[Image], **more: Any) -> Any:
    return client.post(
        list_address("image"), {"action": action, "_selected_action": [str(image.id) for image in images], **more}
    )


def answer_page(client: Client, page: Any, **more: str) -> list[str]:
    """Send the asking page's form; returns what the list then says."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.content.decode()):
        fields.setdefault(name, []).append(value)
    answer = client.post(list_address("image"), {**fields, **more})
    assert answer.status_code == 302
    return [str(message) for message in get_messages(answer.wsgi_request)]


def last_word(answer: Any) -> str:
    return str([*get_messages(answer.wsgi_request)][-1])


def words(image: Image) -> list[tuple[str, str | None, str]]:
    return list(Review.objects.filter(image=image).values_list("verdict", "label__name", "place"))


def test_pictures_are_confirmed_each_as_what_was_answered(answered: list[Image], admin_client: Client) -> None:
    page = act(admin_client, "confirm", answered)
    assert "3 pictures. Each is confirmed as what was answered." in page.content.decode()
    assert not Review.objects.exists()
    assert answer_page(admin_client, page) == ["Reviewed: 3 pictures."]
    assert words(answered[0]) == [("confirm", "cat", "admin")]
    assert words(answered[2]) == [("confirm", "dog", "admin")]


def test_pictures_are_corrected_to_the_label_that_was_chosen(answered: list[Image], admin_client: Client) -> None:
    page = act(admin_client, "correct", answered)
    assert "<option>bird</option>" in page.content.decode()
    assert answer_page(admin_client, page, label="bird") == ["Reviewed: 3 pictures."]
    assert words(answered[1]) == [("correct", "bird", "admin")]


def test_a_label_that_is_none_stores_nothing(answered: list[Image], admin_client: Client) -> None:
    page = act(admin_client, "correct", answered)
    assert answer_page(admin_client, page, label="horse") == ["This classifier has no label “horse”."]
    assert not Review.objects.exists()


def test_what_somebody_else_reviewed_meanwhile_is_not_written_over(answered: list[Image], admin_client: Client) -> None:
    page = act(admin_client, "confirm", answered[:2])
    record_review(image_id=answered[0].id, user=reviewer("ann"), wish=ReviewWish("correct", "bird"))
    said = answer_page(admin_client, page)
    assert said[0] == "Reviewed: 1 picture."
    assert said[1].startswith("ann reviewed this picture as “bird” since you opened it.")
    assert words(answered[0]) == [("correct", "bird", "page")]


def test_an_answer_that_changed_since_the_page_is_not_confirmed(
    pets: Classifier, answered: list[Image], admin_client: Client
) -> None:
    page = act(admin_client, "confirm", answered[:1])
    promote(version=make_version(pets, "2" * 64), reason="test")
    act(admin_client, "ask_again", answered[:1])
    answer_waiting(index=1)
    assert "A newer answer came in meanwhile: “dog”, not “cat”." in answer_page(admin_client, page)[-1]
    assert not Review.objects.exists()


def test_pictures_without_an_answer_cannot_be_confirmed(pets: Classifier, admin_client: Client) -> None:
    waiting = upload(9).images
    said = act(admin_client, "confirm", waiting)
    assert said.status_code == 302
    assert "None of these pictures has an answer yet" in last_word(said)


def test_pictures_of_two_classifiers_are_not_corrected_together(answered: list[Image], admin_client: Client) -> None:
    other = create_classifier(slug="plants", labels=["rose", "oak"])
    image = upload(7, classifier_slug=other.slug).images[0]
    said = act(admin_client, "correct", [answered[0], image])
    assert "Choose pictures of one classifier" in last_word(said)


def test_too_many_at_once_are_refused(
    answered: list[Image], admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.admin.reviewing.MOST_AT_ONCE", 2)
    said = act(admin_client, "confirm", answered)
    assert "Choose at most 2 pictures at once." in last_word(said)


def test_who_may_not_review_is_not_offered_it(answered: list[Image]) -> None:
    user = person("operator")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = client_of(User.objects.get(pk=user.pk))
    html = client.get(list_address("image")).content.decode()
    assert 'value="ask_again"' in html
    assert 'value="confirm"' not in html
    act(client, "confirm", answered, confirmed="yes", seen=f"{answered[0].id}:1", answer="cat")
    assert not Review.objects.exists()


def test_the_export_is_csv_in_which_a_formula_is_only_text(answered: list[Image], admin_client: Client) -> None:
    Image.objects.filter(id=answered[0].id).update(name="=HYPERLINK(1)")
    record_review(image_id=answered[2].id, user=reviewer("ann"), wish=ReviewWish("correct", "bird"))
    answer = act(admin_client, "export_csv", answered)
    assert answer.streaming
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [row["label"] for row in rows] == ["dog", "cat", "cat"]
    assert [row["name"] for row in rows] == ["3.png", "2.png", "'=HYPERLINK(1)"]
    assert rows[0]["reviewed_label"] == "bird"


def test_an_export_is_read_in_pages(
    answered: list[Image], admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.admin.exporting.PAGE", 2)
    answer = act(admin_client, "export_csv", answered[:1], select_across="1")
    assert len(list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))) == 3


def test_the_page_of_an_image_shows_who_said_what(answered: list[Image], admin_client: Client) -> None:
    record_review(image_id=answered[0].id, user=reviewer("ann"), wish=ReviewWish("correct", "bird"))
    html = admin_client.get(f"/admin/classifier/image/{answered[0].id}/change/").content.decode()
    assert "ann" in html
    assert "correct" in html
