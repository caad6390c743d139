"""/api/v1/training-runs: reading runs with their curves and verdicts, starting and stopping one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier.models import Classifier, TrainingRun
from classifier.training_runs import record_epoch
from tests.webapp.api_calls import UNKNOWN, error_of
from tests.webapp.people import client_of, person
from tests.webapp.training_rows import claimed, finished_run, queued_run, trainable_classifier

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]
ADDRESS = "/api/v1/training-runs"


@pytest.fixture
def pets(db: None) -> Classifier:
    return trainable_classifier()


@pytest.fixture
def owner(db: None) -> Client:
    return client_of(person("owner"))


def start(client: Client, *, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(ADDRESS, {"classifier": "pets", **body}, content_type="application/json", headers=headers)


def test_a_run_is_queued_and_the_worker_is_rung_after_the_commit(
    pets: Classifier, owner: Client, rung: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = start(owner, name="Tuesday", key="k")
    run = TrainingRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (202, f"{ADDRESS}/{run.id}")
    assert (run.name, run.source, run.requested_by) == ("Tuesday", "api", person("owner"))
    assert (answer.json()["state"], answer.json()["sentence"]) == ("queued", "Waiting for its turn.")
    assert rung == [("train", [str(run.id)])]


def test_what_was_said_reaches_the_run(pets: Classifier, owner: Client) -> None:
    start(
        owner,
        datasets=["one"],
        recipe="transfer",
        backbone="vgg16",
        epochs=7,
        promote="never",
        policy="better",
        margin=0.02,
        settings={"head": [256, 128], "dropout": 0.5},
    )
    settings = TrainingRun.objects.get().settings
    assert (settings["datasets"], settings["promote"], settings["policy"]) == (["one"], "never", "better")
    assert settings["margin"] == 0.02
    assert settings["hyper_parameters"] == {"backbone": "vgg16", "epochs": 7, "head": [256, 128], "dropout": 0.5}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"classifier": "cars"}, 404),
        ({"datasets": ["three"]}, 404),
        ({"epochs": 0}, 400),
        ({"epochs": "many"}, 400),
        ({"promote": "force"}, 400),
        ({"settings": {"magic": 1}}, 400),
        ({"settings": {"dropout": 5}}, 400),
        ({"settings": {"promote": "force"}}, 400),
        ({"recipe": "transfer", "backbone": "none"}, 400),
    ],
)
def test_what_cannot_be_trained_is_refused(body: dict[str, Any], status: int, pets: Classifier, owner: Client) -> None:
    assert error_of(start(owner, **body))[0] == status
    assert not TrainingRun.objects.exists()


def test_a_repeat_under_one_key_starts_one_run(pets: Classifier, owner: Client) -> None:
    first, second = (start(owner, key="k") for _ in range(2))
    assert (second.status_code, second.json()) == (202, first.json())
    assert TrainingRun.objects.count() == 1
    assert error_of(start(owner)) == (409, "in_progress")


def test_the_same_data_and_settings_are_not_trained_twice(pets: Classifier, owner: Client) -> None:
    run = TrainingRun.objects.get(id=start(owner).json()["id"])
    made = finished_run(trainable_classifier("farm"))
    TrainingRun.objects.filter(id=run.id).update(state="done")
    type(made).objects.filter(pk=made.pk).update(training_run=run)
    assert error_of(start(owner)) == (409, "in_progress")


def test_a_run_tells_its_curves_log_and_progress(pets: Classifier, owner: Client) -> None:
    run = queued_run(pets)
    record_epoch(claimed(run), curves=[{"epoch": 1, "loss": 0.5, "accuracy": 0.8}], line="Epoch 1 of 3: 80.0 %")
    body = owner.get(f"{ADDRESS}/{run.id}").json()
    assert (body["state"], body["epoch"], body["epochs"]) == ("running", 1, 3)
    assert (body["curves"][0]["loss"], body["log"]) == (0.5, "Epoch 1 of 3: 80.0 %\n")
    assert {each["name"] for each in body["data"]["datasets"]} == {"one", "two"}


def test_a_run_that_made_a_version_tells_the_verdict(pets: Classifier, owner: Client) -> None:
    version = finished_run(pets)
    body = owner.get(f"{ADDRESS}/{version.training_run_id}").json()
    assert body["model"] == {"id": str(version.id), "version": 1}
    assert (body["accuracy"], body["progress"]) == (0.9286, None)
    assert body["verdict"] == {"passed": True, "sentences": ["It beats “always cat” clearly."], "numbers": {}}
    [listed] = owner.get(ADDRESS).json()["training_runs"]
    assert listed == {name: body[name] for name in listed}


def test_runs_are_listed_in_pages_by_classifier_and_state(pets: Classifier, owner: Client) -> None:
    queued = queued_run(pets)
    finished_run(trainable_classifier("farm"))
    first = owner.get(f"{ADDRESS}?limit=1").json()
    second = owner.get(f"{ADDRESS}?limit=1&cursor={first['next_cursor']}").json()
    assert [each["classifier"] for each in first["training_runs"] + second["training_runs"]] == ["farm", "pets"]
    for query in ("?state=queued", "?classifier=pets"):
        [found] = owner.get(ADDRESS + query).json()["training_runs"]
        assert found["id"] == str(queued.id)


def test_a_longer_list_costs_no_more_queries(pets: Classifier, owner: Client, django_assert_num_queries: Any) -> None:
    queued_run(pets)
    finished_run(trainable_classifier("farm"))
    owner.get(ADDRESS)
    with django_assert_num_queries(5):  # session, user, their two kinds of rights, the page
        assert len(owner.get(ADDRESS).json()["training_runs"]) == 2


def test_a_queued_run_is_cancelled_at_once_and_an_ended_one_is_not(pets: Classifier, owner: Client) -> None:
    run = queued_run(pets)
    address = f"{ADDRESS}/{run.id}/cancel"
    assert owner.post(address).json()["state"] == "cancelled"
    assert error_of(owner.post(address)) == (409, "in_progress")


def test_a_run_under_way_is_told_to_stop(pets: Classifier, owner: Client) -> None:
    run = queued_run(pets)
    claimed(run)
    body = owner.post(f"{ADDRESS}/{run.id}/cancel").json()
    assert (body["state"], body["sentence"]) == ("running", "Stopping: the run ends at its next step.")


@pytest.mark.parametrize("identifier", UNKNOWN)
def test_unknown_ids_are_not_found(identifier: str, owner: Client) -> None:
    assert error_of(owner.get(f"{ADDRESS}/{identifier}")) == (404, "not_found")
    assert error_of(owner.post(f"{ADDRESS}/{identifier}/cancel")) == (404, "not_found")


@pytest.mark.parametrize("role", ["viewer", "reviewer", "operator"])
def test_who_may_only_look_starts_and_stops_nothing(role: str, pets: Classifier) -> None:
    run = queued_run(pets)
    client = client_of(person(role))
    assert client.get(f"{ADDRESS}/{run.id}").status_code == 200
    assert error_of(client.post(f"{ADDRESS}/{run.id}/cancel")) == (404, "not_found")
    assert error_of(start(client)) == (404, "not_found")


def test_a_visitor_is_told_to_log_in(pets: Classifier, client: Client) -> None:
    assert error_of(client.get(ADDRESS)) == (401, "not_allowed")
    assert error_of(start(client)) == (401, "not_allowed")
