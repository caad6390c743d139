"""/api/v1/datasets and /imports: what was imported, asking for more from a storage place, and stopping it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier.import_jobs import claim_import, fail_import
from classifier.models import Dataset, ImportJob
from tests.webapp.api_calls import UNKNOWN, error_of
from tests.webapp.people import client_of, person
from tests.webapp.training_rows import COUNTS, trainable_classifier

pytestmark = pytest.mark.django_db
DATASETS, IMPORTS = "/api/v1/datasets", "/api/v1/imports"
PLACE = "storage://incoming/winter"


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> None:
    """No messages leave."""
    monkeypatch.setattr("classifier.import_jobs.ring_by_name", lambda task, ids: None)
    monkeypatch.setattr("classifier.import_jobs.live_sender.send", lambda events: None)


@pytest.fixture
def owner(db: None) -> Client:
    trainable_classifier()
    return client_of(person("owner"))


def ask(client: Client, *, key: str = "", **body: Any) -> Any:
    """Ask for an import."""
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(DATASETS, {"place": PLACE, **body}, content_type="application/json", headers=headers)


def test_a_dataset_tells_its_pictures_by_label_and_part(owner: Client) -> None:
    dataset = Dataset.objects.get(name="one")
    rejected = [{"name": "a.txt", "reason": "No picture."}]
    shards = [{"key": "datasets/x", "sha256": "0", "size_bytes": 12}]
    Dataset.objects.filter(pk=dataset.pk).update(rejected=rejected, rejected_count=1, shards=shards)
    body = owner.get(f"{DATASETS}/{dataset.id}").json()
    assert (body["name"], body["classifier"], body["image_count"]) == ("one", "pets", 126)
    assert (body["counts"], body["rejected"], body["size_bytes"]) == (COUNTS, rejected, 12)


def test_the_list_comes_in_pages_and_of_one_classifier(owner: Client) -> None:
    trainable_classifier("farm")
    first = owner.get(f"{DATASETS}?classifier=pets&limit=1").json()
    second = owner.get(f"{DATASETS}?classifier=pets&limit=1&cursor={first['next_cursor']}").json()
    assert [each["name"] for each in first["datasets"] + second["datasets"]] == ["two", "one"]
    assert second["next_cursor"] is None
    assert len(owner.get(DATASETS).json()["datasets"]) == 4
    assert error_of(owner.get(f"{DATASETS}?classifier=cars")) == (404, "not_found")


def test_a_longer_list_costs_no_more_queries(owner: Client, django_assert_num_queries: Any) -> None:
    owner.get(DATASETS)
    with django_assert_num_queries(5):  # session, user, their two kinds of rights, the page
        owner.get(DATASETS)


def test_an_import_is_queued_and_tells_where_it_is_watched(owner: Client) -> None:
    answer = ask(owner, classifier="pets")
    job = ImportJob.objects.get()
    assert (answer.status_code, answer["Location"]) == (202, f"{IMPORTS}/{job.id}")
    assert (job.name, job.place, job.state, job.requested_by) == ("winter", PLACE, "queued", person("owner"))
    assert owner.get(answer["Location"]).json() == answer.json()


def test_an_import_can_make_its_classifier(owner: Client) -> None:
    body = ask(owner, classifier_name="Wild birds", name="first").json()
    assert (body["classifier"], body["name"], body["dataset"]) == ("wild-birds", "first", None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"classifier": "pets", "classifier_name": "Pets"}, 400),
        ({"classifier": "pets", "place": "/etc"}, 400),
        ({"classifier": "pets", "place": "http://10.0.0.1/"}, 400),
        ({"classifier": "pets", "place": "s3://bucket?endpoint=http://10.0.0.1"}, 400),
        ({"classifier": "cars"}, 404),
        ({"classifier_name": "Pets"}, 409),
        ({"classifier": "pets", "name": "one"}, 409),
    ],
)
def test_what_cannot_be_imported_is_refused(body: dict[str, Any], status: int, owner: Client) -> None:
    assert error_of(ask(owner, **body))[0] == status
    assert not ImportJob.objects.exists()


def test_a_repeat_under_one_key_imports_once(owner: Client) -> None:
    first, second = (ask(owner, classifier="pets", key="k") for _ in range(2))
    assert (first.json(), first["Location"]) == (second.json(), second["Location"])
    assert ImportJob.objects.count() == 1


def test_an_import_under_way_is_cancelled_and_an_ended_one_is_not(owner: Client) -> None:
    job = ImportJob.objects.get(id=ask(owner, classifier="pets").json()["id"])
    claimed = claim_import(job_id=job.id, worker="test")
    assert claimed
    address = f"{IMPORTS}/{job.id}/cancel"
    assert owner.post(address).json()["state"] == "running"
    assert ImportJob.objects.get().cancel_requested
    fail_import(claimed, reason="Nothing there.")
    assert error_of(owner.post(address)) == (409, "in_progress")
    assert owner.get(f"{IMPORTS}/{job.id}").json()["outcome"] == "Nothing there."


def test_imports_are_listed_by_state_and_classifier(owner: Client) -> None:
    job = ask(owner, classifier="pets").json()
    ask(owner, classifier_name="Birds")
    owner.post(f"{IMPORTS}/{job['id']}/cancel")
    [found] = owner.get(f"{IMPORTS}?state=cancelled&classifier=pets").json()["imports"]
    assert (found["id"], found["state"]) == (job["id"], "cancelled")
    assert len(owner.get(IMPORTS).json()["imports"]) == 2


@pytest.mark.parametrize("identifier", UNKNOWN)
def test_unknown_ids_are_not_found(identifier: str, owner: Client) -> None:
    assert error_of(owner.get(f"{DATASETS}/{identifier}")) == (404, "not_found")
    assert error_of(owner.get(f"{IMPORTS}/{identifier}")) == (404, "not_found")
    assert error_of(owner.post(f"{IMPORTS}/{identifier}/cancel")) == (404, "not_found")


@pytest.mark.parametrize("role", ["viewer", "reviewer", "operator"])
def test_who_may_only_look_starts_nothing(role: str, owner: Client) -> None:
    client = client_of(person(role))
    assert client.get(DATASETS).status_code == 200
    assert error_of(ask(client, classifier="pets")) == (404, "not_found")


def test_people_without_a_role_find_nothing_and_visitors_are_told_to_log_in(owner: Client, client: Client) -> None:
    for address in (DATASETS, IMPORTS):
        assert error_of(client_of(person()).get(address)) == (404, "not_found")
        assert error_of(client.get(address)) == (401, "not_allowed")
