"""The classifier pages as the server draws them: what there is, what can be done, and why something cannot."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.import_jobs import request_import
from classifier.model_registry import promote
from classifier.models import Classifier, Dataset, ModelVersion, TrainingRun
from tests.import_jobs import make_owner
from tests.row_makers import make_version

pytestmark = pytest.mark.django_db
ALL = ("view_trainingrun", "add_trainingrun", "change_classifier")
COUNTS = {"train": {"cat": 800, "dog": 100}, "validation": {"cat": 100, "dog": 12}, "holdout": {"cat": 100, "dog": 13}}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.import_jobs.ring_by_name", lambda task, arguments: None)
    monkeypatch.setattr("classifier.import_jobs.live_sender.send", lambda events: None)


@pytest.fixture
def owner(db: None) -> User:
    return make_owner(rights=ALL)


@pytest.fixture
def owners_client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def readers_client(db: None) -> Client:
    client = Client()
    client.force_login(make_owner("reader", rights=("view_trainingrun",)))
    return client


def add_dataset(classifier: Classifier, **fields: Any) -> Dataset:
    usual = {"name": "first", "digest": "1", "labels": ["cat", "dog"], "counts": COUNTS, "image_count": 1125}
    return Dataset.objects.create(classifier=classifier, **{**usual, **fields})


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode().replace("\u202f", " ").replace("\u00a0", " "))


def page_data(html: str) -> Any:
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', html)
    assert found
    return json.loads(found.group(1))


def test_a_site_without_classifiers_says_what_to_do_next(owners_client: Client) -> None:
    html = text_of(owners_client, "/classifiers/")
    assert "There is no classifier yet. Bring labelled pictures" in html
    assert 'id="import-form"' in html


def test_the_list_shows_live_version_accuracy_labels_pictures_and_training(
    owners_client: Client, pets: Classifier
) -> None:
    add_dataset(pets)
    ModelVersion.objects.update(metrics={"holdout": {"accuracy": 0.9157, "count": 100}})
    TrainingRun.objects.create(classifier=pets, state="running")
    html = text_of(owners_client, "/classifiers/")
    for words in ("Pets", "v1", "91.6 %", ">3<", "1,125", "running"):
        assert words in html


def test_a_new_classifier_under_way_is_listed_and_has_a_page(owners_client: Client, owner: User) -> None:
    request_import(
        classifier_slug="is-it", name="first", user=owner, place="s3://bucket", classifier_name="Is it a cat?"
    )
    assert "On their way" in text_of(owners_client, "/classifiers/")
    html = text_of(owners_client, "/classifiers/is-it/")
    assert "<h1>Is it a cat?</h1>" in html
    assert "Waiting for a worker." in html
    assert 'data-state="queued"' in html


def test_the_page_tells_what_each_label_has_and_needs(owners_client: Client, pets: Classifier) -> None:
    add_dataset(pets)
    html = text_of(owners_client, "/classifiers/pets/")
    assert "“cat” has 8 times as many pictures as “dog”." in html
    assert "about 230 more" in html
    assert "about 350 more" in html
    assert '<rect width="0.1250"' in html


def test_many_labels_are_shown_when_asked_for(owners_client: Client) -> None:
    create_classifier(slug="many", labels=[f"label {number}" for number in range(130)])
    assert text_of(owners_client, "/classifiers/many/").count("label-name") == 100
    assert "the other 30 labels" in text_of(owners_client, "/classifiers/many/")
    assert text_of(owners_client, "/classifiers/many/?labels=all").count("label-name") == 130


def test_datasets_list_what_could_not_be_used(owners_client: Client, pets: Classifier) -> None:
    add_dataset(pets, rejected=[{"name": "cat/<b>.txt", "reason": "This is not a picture."}], rejected_count=7)
    html = text_of(owners_client, "/classifiers/pets/")
    assert "7 files could not be used" in html
    assert "cat/&lt;b&gt;.txt" in html
    assert "and 6 more" in html


def test_the_live_model_shows_its_accuracy_with_its_interval(owners_client: Client, pets: Classifier) -> None:
    figures = {"accuracy": 0.9157, "accuracy_low": 0.9101, "accuracy_high": 0.921, "count": 10_000}
    curve = [{"target": 0.9, "sure_share": 0.8, "sure_accuracy": 0.97}]
    ModelVersion.objects.update(evaluation={**figures, "target_curve": curve})
    html = text_of(owners_client, "/classifiers/pets/")
    assert "91.6 %" in html
    assert "between 91.0 % and 92.1 %" in html
    assert page_data(html)["target_curve"] == curve


def test_versions_say_why_they_are_live_or_not(owners_client: Client, pets: Classifier) -> None:
    second = make_version(pets, "2" * 64)
    promote(version=second, reason="Newly right 20, newly wrong 3.")
    third = make_version(pets, "3" * 64)
    ModelVersion.objects.filter(pk=third.pk).update(stage="rejected", verdict={"reasons": ["Newly wrong 40."]})
    html = text_of(owners_client, "/classifiers/pets/")
    assert "Newly right 20, newly wrong 3." in html
    assert "Newly wrong 40." in html
    assert "What was live when" in html
    assert "<strong>v2</strong> after v1" in html


def test_a_button_that_cannot_work_says_why(owners_client: Client, readers_client: Client, pets: Classifier) -> None:
    html = text_of(owners_client, "/classifiers/pets/")
    assert '<button class="button button-main" disabled aria-describedby="why-not-train">Train</button>' in html
    assert "It has no pictures yet." in html
    add_dataset(pets)
    assert "/training/?classifier=pets" in text_of(owners_client, "/classifiers/pets/")
    html = text_of(readers_client, "/classifiers/pets/")
    assert "Only people who may train can start a training." in html
    assert "Only people who may train can import pictures." in html
    assert "Only people who may change classifiers can change this." in html


def test_name_mirroring_and_target_can_be_changed(owners_client: Client, pets: Classifier) -> None:
    answer = owners_client.post("/classifiers/pets/edit/", {"name": " Our  pets ", "left_right_differ": "on"})
    assert (answer.status_code, answer["Location"]) == (303, "/classifiers/pets/")
    owners_client.post("/classifiers/pets/edit/", {"target_percent": "97.5"})
    pets.refresh_from_db()
    assert (pets.name, pets.left_right_differ, pets.target_precision) == ("Our pets", True, 0.975)


@pytest.mark.parametrize("fields", [{"name": "Pets"}, {"target_percent": "95"}])
def test_what_was_stored_is_said(owners_client: Client, pets: Classifier, fields: dict[str, str]) -> None:
    page = owners_client.post("/classifiers/pets/edit/", fields, follow=True).content.decode()
    assert '<li class="message-success">Saved.' in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " "}, "1 to 120 visible characters"),
        ({"target_percent": "49"}, "between 50 % and 99.9 %"),
        ({"target_percent": "100"}, "between 50 % and 99.9 %"),
        ({"target_percent": "nan"}, "between 50 % and 99.9 %"),
        ({"target_percent": "much"}, "a number of percent"),
    ],
)
def test_a_bad_value_changes_nothing_and_is_said(
    owners_client: Client, pets: Classifier, fields: dict[str, str], words: str
) -> None:
    answer = owners_client.post("/classifiers/pets/edit/", fields, follow=True)
    assert words in answer.content.decode().replace("\u202f", " ").replace("\u00a0", " ")
    pets.refresh_from_db()
    assert (pets.name, pets.target_precision) == ("Pets", 0.9)


@pytest.mark.parametrize("address", ["/classifiers/", "/classifiers/pets/"])
def test_only_people_who_may_see_the_work_see_the_pages(pets: Classifier, address: str) -> None:
    client = Client()
    assert client.get(address)["Location"] == f"/login/?next={address}"
    client.force_login(User.objects.create_user("person"))
    assert client.get(address).status_code == 404


def test_readers_change_nothing(readers_client: Client, pets: Classifier) -> None:
    assert readers_client.post("/classifiers/pets/edit/", {"name": "Mine"}).status_code == 404


def test_unknown_classifiers_are_not_found(owners_client: Client) -> None:
    assert owners_client.get("/classifiers/none/").status_code == 404
    assert owners_client.post("/classifiers/none/edit/", {"name": "x"}).status_code == 404
    assert owners_client.post("/classifiers/").status_code == 405


def test_the_pages_have_no_inline_script_or_style_and_no_outside_address(
    owners_client: Client, pets: Classifier
) -> None:
    add_dataset(pets)
    for address in ("/classifiers/", "/classifiers/pets/"):
        html = text_of(owners_client, address)
        assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
        assert not re.search(r"<style|\sstyle=|\son\w+=", html)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', html)


def test_the_list_asks_a_fixed_number_of_questions(
    owners_client: Client, pets: Classifier, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        create_classifier(slug=f"more-{number}", labels=["a", "b"])
    with django_assert_max_num_queries(12):
        owners_client.get("/classifiers/")
