"""The form of a classifier's schedule: stores what is right, says at each field what is wrong, knows who may."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from classifier.classifiers import create_classifier
from classifier.models import Classifier, Dataset
from webapp.schedule_form import ScheduleForm
from webapp.views.schedule import describe_schedule_section

pytestmark = pytest.mark.django_db
ADDRESS = "/classifiers/pets/schedule"
VALUES = {
    "by_clock": "on",
    "every": "2",
    "unit": "24",
    "by_examples": "on",
    "examples": "300",
    "policy": "not_worse",
    "margin_percent": "1.5",
}


@pytest.fixture
def pets() -> Classifier:
    return create_classifier(slug="pets", name="Pets", labels=["cat", "dog"])


@pytest.fixture
def owner(client: Client) -> Client:
    return log_in(client, "change_classifier", "view_trainingrun")


def log_in(client: Client, *codenames: str) -> Client:
    person = User.objects.create_user("owner", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(person)
    return client


def words(page: bytes) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.decode())).split())


def without(*names: str, **changes: str) -> dict[str, str]:
    return {name: value for name, value in {**VALUES, **changes}.items() if name not in names}


def stored() -> tuple[Any, ...]:
    names = ("train_every_hours", "train_after_examples", "gate_policy", "gate_margin")
    row: tuple[Any, ...] = Classifier.objects.values_list(*names).get()
    return row


def test_what_was_chosen_is_stored_and_said(pets: Classifier, owner: Client) -> None:
    answer = owner.post(ADDRESS, VALUES)
    assert (answer.status_code, answer["Location"]) == (303, "/classifiers/pets/")
    assert stored() == (48, 300, "not_worse", 0.015)
    (message,) = get_messages(answer.wsgi_request)
    assert str(message).startswith("Saved. Every 2 days or after 300 new pictures (0 so far); next on ")


def test_what_is_not_ticked_is_off_whatever_its_number_says(pets: Classifier, owner: Client) -> None:
    assert owner.post(ADDRESS, without("by_clock", "by_examples", every="x", examples="-1")).status_code == 303
    assert stored() == (None, None, "not_worse", 0.015)
    assert Classifier.objects.get().next_training_at is None


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        (without("every"), "every", "Say how many hours or days lie between two trainings."),
        (without(every="0"), "every", "Trainings repeat every 1 to 8,760 hours, which is up to a year."),
        (without(every="366"), "every", "Trainings repeat every 1 to 8,760 hours, which is up to a year."),
        (without(every="9" * 400), "every", "Trainings repeat every 1 to 8,760 hours, which is up to a year."),
        (without(every="often"), "every", "Give a whole number."),
        (without("examples"), "examples", "Say how many new pictures a training waits for."),
        (without(examples="0"), "examples", "The number of new pictures lies between 1 and 10,000,000."),
        (without("policy"), "policy", "Choose one of these."),
        (without(policy="best"), "policy", "Choose one of these."),
        (without("margin_percent"), "margin_percent", "Give the margin in percent, such as 1."),
        (without(margin_percent="30"), "margin_percent", "The margin lies between 0.1% and 20% of the pictures."),
        (without(margin_percent="nan"), "margin_percent", "Give a number, such as 1."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_stored(
    pets: Classifier, owner: Client, values: dict[str, str], field: str, sentence: str
) -> None:
    answer = owner.post(ADDRESS, values)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="schedule-{field}_error"' in page
    assert sentence in words(answer.content)
    assert page.count("errorlist") == 1
    assert stored() == (None, None, "no_harm", 0.01)


def test_the_form_shows_what_is_stored(pets: Classifier, owner: Client) -> None:
    owner.post(ADDRESS, VALUES)
    page = owner.get(ADDRESS).content.decode()
    assert re.search(r'name="every" value="2"', page)
    assert re.search(r'<option value="24" selected>days', page)
    assert re.search(r'name="examples" value="300"', page)
    assert re.search(r'name="margin_percent" value="1.5"', page)
    assert re.search(r'value="not_worse"[^>]* checked', page)


def test_each_policy_says_how_many_pictures_it_needs_and_there_are(pets: Classifier, owner: Client) -> None:
    Dataset.objects.create(classifier=pets, name="one", digest="1" * 64, counts={"holdout": {"cat": 120, "dog": 80}})
    page = words(owner.get(ADDRESS).content)
    assert "To prove a gain of one point takes about 3,923 holdout pictures; this classifier has 200." in page
    assert "For a margin of 1.0 % that takes about 3,092 holdout pictures; this classifier has 200." in page


def test_the_last_outcome_stands_there_with_its_time(pets: Classifier, owner: Client) -> None:
    moment = datetime(2026, 11, 21, 3, 5, tzinfo=UTC)
    Classifier.objects.update(schedule_checked_at=moment, schedule_outcome="Nothing new to learn since v3.")
    assert "Last on 21 Nov 2026, 03:05 UTC: Nothing new to learn since v3." in words(owner.get(ADDRESS).content)


def test_the_section_needs_nothing_but_its_context(pets: Classifier, rf: RequestFactory) -> None:
    request = rf.get("/classifiers/pets/")
    request.user = User.objects.create_superuser("boss")
    context = {"classifier": pets, **describe_schedule_section(request, pets)}
    page = render_to_string("classifier/schedule.html", context, request)
    assert "Only when somebody asks." in page
    assert " disabled" not in page
    assert "csrfmiddlewaretoken" in page


def test_who_may_only_look_reads_why_nothing_can_be_changed(pets: Classifier, rf: RequestFactory) -> None:
    request = rf.get("/classifiers/pets/")
    request.user = User.objects.create_user("looker", is_staff=True)
    page = render_to_string(
        "classifier/schedule.html", {"classifier": pets, **describe_schedule_section(request, pets)}, request
    )
    assert "Only people who may change classifiers can change this." in page
    assert page.count(" disabled") == 10


@pytest.mark.parametrize("method", ["get", "post"])
def test_people_without_the_right_find_nothing(pets: Classifier, client: Client, method: str) -> None:
    log_in(client, "view_trainingrun", "view_classifier")
    assert getattr(client, method)(ADDRESS, VALUES).status_code == 404
    assert stored()[0] is None


def test_a_visitor_is_sent_to_the_login(pets: Classifier, client: Client) -> None:
    answer = client.post(ADDRESS, VALUES)
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_an_unknown_classifier_is_not_found_and_other_methods_are_refused(owner: Client, pets: Classifier) -> None:
    assert owner.post("/classifiers/nobody/schedule", VALUES).status_code == 404
    assert owner.delete(ADDRESS).status_code == 405


def test_a_form_from_another_site_is_refused(pets: Classifier) -> None:
    strict = log_in(Client(enforce_csrf_checks=True), "change_classifier", "view_trainingrun")
    assert strict.post(ADDRESS, VALUES).status_code == 403


def test_a_form_that_may_not_be_edited_takes_nothing(pets: Classifier) -> None:
    form = ScheduleForm(pets, VALUES, may_edit=False)
    assert form.is_valid()
    assert form.cleaned_data["policy"] == "no_harm"
