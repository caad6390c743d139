"""/api/v1/classifiers…: what visitors may know, what people who work here see, making and changing one, its labels."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier.classifiers import create_classifier, find_classifier
from classifier.models import Classifier, Dataset
from tests.row_makers import LABELS
from tests.webapp.api_calls import error_of
from tests.webapp.model_versions import make_measured_classifier, quiet_site
from tests.webapp.people import client_of, person
from tests.webapp.training_rows import trainable_classifier

__all__ = ["quiet_site"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet_site")]
ADDRESS = "/api/v1/classifiers"
JSON: Any = {"content_type": "application/json"}


@pytest.fixture
def owner(db: None) -> Client:
    return client_of(person("owner"))


def test_a_visitor_sees_labels_and_what_answers_but_not_the_work(pets: Classifier, client: Client) -> None:
    body = client.get(f"{ADDRESS}/pets").json()
    assert body == {
        "slug": "pets",
        "name": "Pets",
        "is_default": True,
        "labels": LABELS,
        "live_version": 1,
        "live_model": str(pets.live_version_id),
        "work": None,
    }


def test_who_works_here_sees_thresholds_schedule_gate_and_accuracies() -> None:
    make_measured_classifier()
    work = client_of(person("viewer")).get(f"{ADDRESS}/pets").json()["work"]
    assert work["thresholds"][0] == {"label": "cat", "threshold": 0.9}
    assert work["schedule"]["sentence"] == "Only when somebody asks."
    assert work["gate"] == {"policy": "no_harm", "margin": 0.01}
    assert work["measured_accuracy"] == {"value": 0.8, "low": 0.744, "high": 0.965, "count": 30}
    assert work["live_accuracy"] == {"value": None, "low": None, "high": None, "drawn": 0, "answered": 0}


def test_a_classifier_without_a_version_has_no_accuracy(owner: Client) -> None:
    create_classifier(slug="bare", name="Bare")
    body = owner.get(f"{ADDRESS}/bare").json()
    assert (body["live_model"], body["work"]["live_accuracy"], body["work"]["thresholds"]) == (None, None, [])


def test_the_list_comes_in_pages_the_newest_first(client: Client) -> None:
    for name in "abc":
        create_classifier(slug=name, name=name)
    first = client.get(f"{ADDRESS}?limit=2").json()
    second = client.get(f"{ADDRESS}?limit=2&cursor={first['next_cursor']}").json()
    assert [each["slug"] for each in first["classifiers"] + second["classifiers"]] == ["c", "b", "a"]
    assert second["next_cursor"] is None


def test_a_longer_list_costs_no_more_queries(client: Client, django_assert_num_queries: Any) -> None:
    for number in range(6):
        create_classifier(slug=f"c{number}", labels=LABELS)
    with django_assert_num_queries(2):
        client.get(ADDRESS)


def test_an_owner_makes_a_classifier_whose_address_follows_from_its_name(owner: Client) -> None:
    answer = owner.post(ADDRESS, {"name": "My pets", "labels": ["cat", " dog "]}, **JSON)
    assert (answer.status_code, answer["Location"]) == (201, f"{ADDRESS}/my-pets")
    assert answer.json()["labels"] == ["cat", "dog"]
    assert find_classifier("my-pets").name == "My pets"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "Pets"}, (409, "in_progress")),
        ({"name": "  "}, (400, "malformed_request")),
        ({"name": "???"}, (400, "malformed_request")),
        ({"name": "New", "labels": ["cat", "CAT"]}, (400, "malformed_request")),
        ({"name": "New", "labels": [""]}, (400, "malformed_request")),
        ({"name": "New", "colour": "red"}, (400, "malformed_request")),
        ({"name": 7}, (400, "malformed_request")),
        ({"labels": []}, (400, "malformed_request")),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_sentence(
    body: dict[str, Any], expected: tuple[int, str], pets: Classifier, owner: Client
) -> None:
    assert error_of(owner.post(ADDRESS, body, **JSON)) == expected
    assert Classifier.objects.count() == 1


def test_a_repeat_under_one_key_makes_one_classifier(owner: Client) -> None:
    def make(name: str) -> Any:
        return owner.post(ADDRESS, {"name": name}, headers={"Idempotency-Key": "k"}, **JSON)

    first, second = make("Pets"), make("Pets")
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert error_of(make("Cars")) == (422, "idempotency_mismatch")
    assert Classifier.objects.count() == 1


def test_only_what_is_named_changes(pets: Classifier, owner: Client) -> None:
    change = {"target_precision": 0.97, "train_every_hours": 24, "gate_margin": 0.02}
    work = owner.patch(f"{ADDRESS}/pets", change, **JSON).json()["work"]
    assert (work["target_precision"], work["schedule"]["every_hours"]) == (0.97, 24)
    assert work["gate"] == {"policy": "no_harm", "margin": 0.02}
    again = owner.patch(f"{ADDRESS}/pets", {"name": "Animals", "left_right_differ": True}, **JSON).json()
    assert (again["name"], again["work"]["left_right_differ"]) == ("Animals", True)
    assert again["work"]["schedule"]["every_hours"] == 24


def test_null_ends_a_schedule(pets: Classifier, owner: Client) -> None:
    owner.patch(f"{ADDRESS}/pets", {"train_every_hours": 24, "train_after_examples": 9}, **JSON)
    schedule = owner.patch(f"{ADDRESS}/pets", {"train_every_hours": None}, **JSON).json()["work"]["schedule"]
    assert (schedule["every_hours"], schedule["after_examples"], schedule["next_at"]) == (None, 9, None)


@pytest.mark.parametrize(
    "change",
    [{"target_precision": 0.2}, {"gate_policy": "any"}, {"train_every_hours": 0}, {"name": " "}, {"slug": "x"}],
)
def test_a_change_is_made_whole_or_not_at_all(change: dict[str, Any], pets: Classifier, owner: Client) -> None:
    assert error_of(owner.patch(f"{ADDRESS}/pets", {"left_right_differ": True, **change}, **JSON))[0] == 400
    pets.refresh_from_db()
    assert not pets.left_right_differ


@pytest.mark.parametrize("role", ["", "viewer", "reviewer", "operator"])
def test_who_may_not_edit_finds_nothing_to_change(role: str, pets: Classifier) -> None:
    client = client_of(person(role))
    for answer in (
        client.post(ADDRESS, {"name": "New"}, **JSON),
        client.patch(f"{ADDRESS}/pets", {"name": "New"}, **JSON),
        client.post(f"{ADDRESS}/pets/labels", {"name": "fish"}, **JSON),
    ):
        assert error_of(answer) == (404, "not_found")


def test_a_visitor_is_told_to_log_in(pets: Classifier, client: Client) -> None:
    assert error_of(client.post(ADDRESS, {"name": "New"}, **JSON)) == (401, "not_allowed")
    assert error_of(client.get(f"{ADDRESS}/pets/labels")) == (401, "not_allowed")


def test_labels_come_in_their_order_with_their_pictures_in_pages() -> None:
    trainable_classifier()
    client = client_of(person("viewer"))
    first = client.get(f"{ADDRESS}/pets/labels?limit=1").json()
    assert first["labels"] == [
        {"name": "cat", "images": 198, "train": 160, "validation": 18, "holdout": 20, "reviewed": 0, "missing": 170}
    ]
    second = client.get(f"{ADDRESS}/pets/labels?limit=1&cursor={first['next_cursor']}").json()
    assert ([label["name"] for label in second["labels"]], second["next_cursor"]) == (["dog"], None)


def test_more_labels_cost_no_more_queries(django_assert_max_num_queries: Any) -> None:
    classifier = create_classifier(slug="many", labels=[f"label {number}" for number in range(150)])
    Dataset.objects.create(classifier=classifier, name="one", digest="0" * 64)
    client = client_of(person("viewer"))
    client.get(f"{ADDRESS}/many/labels")
    with django_assert_max_num_queries(8):  # session, user, their two kinds of rights, classifier, and three of counts
        client.get(f"{ADDRESS}/many/labels")


def test_an_owner_adds_a_label_behind_the_others(pets: Classifier, owner: Client) -> None:
    answer = owner.post(f"{ADDRESS}/pets/labels", {"name": "fish"}, **JSON)
    assert (answer.status_code, answer.json()["name"], answer.json()["images"]) == (201, "fish", 0)
    assert client_labels(owner) == [*LABELS, "fish"]
    assert error_of(owner.post(f"{ADDRESS}/pets/labels", {"name": "FISH"}, **JSON)) == (409, "in_progress")


def client_labels(client: Client) -> list[str]:
    """As everybody sees them."""
    labels: list[str] = client.get(f"{ADDRESS}/pets").json()["labels"]
    return labels
