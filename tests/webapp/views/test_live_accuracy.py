"""“How right is it, live?” and a new label, on the classifier's page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from classifier.classifiers import add_label
from classifier.errors import Conflict, Refused
from classifier.models import AuditDraw, Classifier, Label, Prediction
from tests.review_makers import answer_all
from tests.row_makers import MakeImages
from tests.webapp.people import client_of, person
from tests.webapp.views.test_classifiers import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(db: None) -> User:
    return person("owner")


def draw_all(*, answered: int) -> None:
    """Draw every prediction; the first so many are answered, a tenth of them as wrong."""
    AuditDraw.objects.all().delete()
    bird = Label.objects.get(name="bird")
    for place, row in enumerate(Prediction.objects.order_by("id")):
        is_answered = place < answered
        assert row.model_version_id
        assert row.label_id
        AuditDraw.objects.create(
            prediction=row,
            image=row.image,
            classifier=row.classifier,
            model_version_id=row.model_version_id,
            label_id=row.label_id,
            stratum="sure",
            probability=0.02,
            drawn_at=timezone.now(),
            answer=(bird if place % 10 == 0 else row.label) if is_answered else None,
            answered_at=timezone.now() if is_answered else None,
        )


def test_before_thirty_answers_it_says_how_many_are_missing_and_where(
    pets: Classifier, make_images: MakeImages, owner: User
) -> None:
    make_images(20)
    answer_all([0.9, 0.05, 0.05])
    draw_all(answered=8)
    html = text_of(client_of(owner), "/classifiers/pets/")
    assert "Not enough yet" in html
    assert '<a href="/review/?classifier=pets">22 more answers</a>' in html
    assert "20 drawn at random, 8 answered by reviewers who did not see the guess (40 %)" in html


def test_a_viewer_gets_no_link_to_a_page_that_is_not_there_for_them(pets: Classifier, make_images: MakeImages) -> None:
    make_images(3)
    answer_all([0.9, 0.05, 0.05])
    draw_all(answered=0)
    html = text_of(client_of(person("viewer")), "/classifiers/pets/")
    assert "30 more answers to randomly drawn pictures" in html


def test_with_enough_answers_there_is_a_figure_with_its_interval_and_the_mistakes(
    pets: Classifier, make_images: MakeImages, owner: User
) -> None:
    make_images(40)
    answer_all([0.9, 0.05, 0.05])
    draw_all(answered=40)
    html = text_of(client_of(owner), "/classifiers/pets/")
    assert '<p class="figure">90.0 %</p>' in html
    assert "with 95 % certainty between" in html
    assert "36 of 40 as answered" in html
    assert '<td class="number blind-wrong">4</td>' in html


def test_nothing_live_says_so(db: None, owner: User) -> None:
    Classifier.objects.create(slug="new", name="New")
    assert "Nothing answers yet, so nothing can be checked." in text_of(client_of(owner), "/classifiers/new/")


def test_a_new_label_comes_behind_the_others_and_says_when_it_counts(pets: Classifier, owner: User) -> None:
    answer = client_of(owner).post("/classifiers/pets/edit/", {"new_label": "  guinea   pig "}, follow=True)
    assert "Added “guinea pig”. The model can answer it after the next training." in answer.content.decode()
    assert list(pets.labels.values_list("name", "position"))[-1] == ("guinea pig", 3)


def test_who_may_not_edit_adds_no_label(pets: Classifier) -> None:
    viewer = client_of(person("viewer"))
    assert viewer.post("/classifiers/pets/edit/", {"new_label": "fish"}).status_code == 404
    assert Client().post("/classifiers/pets/edit/", {"new_label": "fish"}).status_code == 302
    assert pets.labels.count() == 3


@pytest.mark.parametrize("name", ["", " \n ", "x" * 121])
def test_what_can_be_no_label_is_refused(pets: Classifier, name: str) -> None:
    with pytest.raises(Refused, match="1 to 120"):
        add_label(pets, name=name)


@pytest.mark.parametrize("name", ["cat", "Cat", " CAT "])
def test_a_label_that_is_there_is_not_added_again(pets: Classifier, name: str) -> None:
    with pytest.raises(Conflict, match="There is a label “cat” already"):
        add_label(pets, name=name)
