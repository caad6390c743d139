"""/api/v1/models, /promotions and /evaluations: reading versions, measuring one, letting it answer, going back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier.evaluation_requests import claim_evaluation, fail_evaluation
from classifier.model_registry import promote, roll_back
from classifier.models import Classifier, Dataset, EvaluationRequest, LiveVersionChange, PromotionRequest
from classifier.promotion_requests import claim_promotion, complete_promotion
from tests.webapp.api_calls import UNKNOWN, error_of
from tests.webapp.model_versions import make_candidate, make_measured_classifier, quiet_site, version_of
from tests.webapp.people import client_of, person
from tests.webapp.training_rows import finished_run, trainable_classifier

__all__ = ["quiet_site"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet_site")]
MODELS = "/api/v1/models"


@pytest.fixture
def pets(db: None, quiet_site: None) -> Classifier:
    """v1 is live, v2 a candidate."""
    return make_measured_classifier()


@pytest.fixture
def owner(db: None) -> Client:
    return client_of(person("owner"))


def act(client: Client, classifier: Classifier, number: int, verb: str, *, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{MODELS}/{version_of(classifier, number).id}/{verb}", headers=headers)


def numbers(client: Client, query: str = "") -> list[int]:
    return [each["version"] for each in client.get(MODELS + query).json()["models"]]


def test_versions_are_listed_the_newest_first_by_classifier_and_stage(pets: Classifier, owner: Client) -> None:
    make_measured_classifier(slug="cars")
    assert numbers(owner, "?classifier=pets") == [2, 1]
    assert numbers(owner, "?classifier=pets&stage=live") == [1]
    assert numbers(owner) == [2, 1, 2, 1]
    assert error_of(owner.get(f"{MODELS}?stage=dead")) == (400, "malformed_request")
    first = owner.get(f"{MODELS}?classifier=pets&limit=1").json()
    assert numbers(owner, f"?classifier=pets&limit=1&cursor={first['next_cursor']}") == [1]


def test_a_longer_list_costs_no_more_queries(pets: Classifier, owner: Client, django_assert_num_queries: Any) -> None:
    owner.get(MODELS)
    with django_assert_num_queries(5):  # session, user, their two kinds of rights, the page
        assert numbers(owner) == [2, 1]


def test_a_version_tells_what_was_measured_and_what_the_gate_said(pets: Classifier, owner: Client) -> None:
    body = owner.get(f"{MODELS}/{version_of(pets, 2).id}").json()
    assert (body["version"], body["stage"], body["labels"]) == (2, "candidate", ["cat", "dog", "bird"])
    assert body["accuracy"] == {"value": 0.9, "low": 0.744, "high": 0.965, "count": 30}
    assert body["metrics"]["per_label"][0]["threshold"] == 0.9
    assert body["metrics"]["confusion"][0] == [8, 2, 0]
    assert body["verdict"]["sentences"] == ["Nothing shows that it is worse."]
    assert body["history"] == []


def test_a_version_tells_the_data_it_learned_from(owner: Client) -> None:
    version = finished_run(trainable_classifier())
    body = owner.get(f"{MODELS}/{version.id}").json()
    assert body["training_run"] == str(version.training_run_id)
    assert {each["name"] for each in body["data"]["datasets"]} == {"one", "two"}
    assert (body["metrics"]["accuracy"], body["metrics"]["per_label"]) == (0.9286, [])


def test_the_history_names_what_a_version_replaced_and_who_did_it(pets: Classifier, owner: Client) -> None:
    promote(version=version_of(pets, 2), reason="better", user=person("owner"))
    [change] = owner.get(f"{MODELS}/{version_of(pets, 2).id}").json()["history"]
    first = version_of(pets, 1)
    assert (change["by"], change["reason"]) == ("owner", "better")
    assert change["replaced"] == {"id": str(first.id), "version": 1}


def test_a_longer_history_costs_no_more_queries(
    pets: Classifier, owner: Client, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        promote(version=version_of(pets, 2), reason="better", user=person("owner"))
        roll_back(classifier=pets)
    address = f"{MODELS}/{version_of(pets, 2).id}"
    owner.get(address)
    with django_assert_num_queries(6):  # session, user, their two kinds of rights, the version, its history
        assert len(owner.get(address).json()["history"]) == 3


def test_a_promotion_waits_for_a_worker_and_then_tells_what_became_of_it(pets: Classifier, owner: Client) -> None:
    answer = act(owner, pets, 2, "promote")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert error_of(act(owner, pets, 2, "promote")) == (409, "in_progress")
    claimed = claim_promotion(worker="test")
    assert claimed
    complete_promotion(claimed, note="It answered 8 pictures.")
    body = owner.get(answer["Location"]).json()
    assert (body["state"], body["outcome"]) == ("done", "v2 is live, instead of v1. It answered 8 pictures.")
    assert body["model"] == {"id": str(version_of(pets, 2).id), "version": 2}


def test_a_promotion_under_a_key_is_asked_for_once(pets: Classifier, owner: Client) -> None:
    first, second = (act(owner, pets, 2, "promote", key="k") for _ in range(2))
    assert (second.status_code, second.json()) == (202, first.json())
    assert PromotionRequest.objects.count() == 1


def test_the_live_version_and_a_rejected_one_cannot_be_promoted(pets: Classifier, owner: Client) -> None:
    assert error_of(act(owner, pets, 1, "promote")) == (400, "malformed_request")
    third = make_candidate(pets, "3" * 64, ["cat", "dog", "bird"])
    type(third).objects.filter(pk=third.pk).update(stage="rejected")
    assert error_of(act(owner, pets, 3, "promote")) == (400, "malformed_request")


def test_rolling_back_answers_with_the_version_that_is_live_again(pets: Classifier, owner: Client) -> None:
    promote(version=version_of(pets, 2), reason="better")
    body = act(owner, pets, 2, "rollback").json()
    assert (body["version"], body["stage"]) == (1, "live")
    assert error_of(act(owner, pets, 2, "rollback")) == (409, "in_progress")
    assert error_of(act(owner, pets, 1, "rollback")) == (409, "in_progress")


def test_a_rollback_that_is_repeated_goes_back_once(pets: Classifier, owner: Client) -> None:
    promote(version=version_of(pets, 2), reason="better")
    first, second = (act(owner, pets, 2, "rollback", key="k") for _ in range(2))
    assert (second.status_code, second.json()) == (200, first.json())
    assert LiveVersionChange.objects.filter(reason__startswith="rolled back").count() == 1


def test_a_measurement_is_asked_for_and_tells_how_it_ended(pets: Classifier, owner: Client) -> None:
    answer = act(owner, pets, 2, "evaluate")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    claimed = claim_evaluation(worker="test")
    assert claimed
    assert owner.get(answer["Location"]).json()["state"] == "running"
    assert error_of(act(owner, pets, 2, "evaluate")) == (409, "in_progress")
    fail_evaluation(claimed, reason="The store was away.")
    assert owner.get(answer["Location"]).json()["outcome"] == "The store was away."


def test_nothing_is_measured_without_pictures(pets: Classifier, owner: Client) -> None:
    Dataset.objects.all().delete()
    assert error_of(act(owner, pets, 2, "evaluate")) == (400, "malformed_request")
    assert not EvaluationRequest.objects.exists()


@pytest.mark.parametrize("identifier", UNKNOWN)
def test_unknown_ids_are_not_found(identifier: str, owner: Client) -> None:
    for address in (f"{MODELS}/{identifier}", f"/api/v1/promotions/{identifier}", f"/api/v1/evaluations/{identifier}"):
        assert error_of(owner.get(address)) == (404, "not_found")
    for verb in ("promote", "rollback", "evaluate"):
        assert error_of(owner.post(f"{MODELS}/{identifier}/{verb}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("role", "may"),
    [("", set()), ("viewer", set()), ("reviewer", set()), ("operator", {"promote", "rollback"})],
)
def test_roles_decide_who_may_do_what(role: str, may: set[str], pets: Classifier) -> None:
    promote(version=version_of(pets, 2), reason="better")
    client = client_of(person(role))
    done = {verb for verb in ("evaluate", "rollback") if act(client, pets, 2, verb).status_code < 400}
    done |= {"promote"} if act(client, pets, 2, "promote").status_code < 400 else set()
    assert done == may


def test_a_visitor_is_told_to_log_in(pets: Classifier, client: Client) -> None:
    assert error_of(client.get(MODELS)) == (401, "not_allowed")
    assert error_of(act(client, pets, 2, "promote")) == (401, "not_allowed")
