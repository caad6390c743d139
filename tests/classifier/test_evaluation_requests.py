"""Measuring a version again: asked for once, claimed under a lease, answered or failed with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.errors import Conflict, Refused
from classifier.evaluation_requests import (
    MOST_FAILURES,
    NO_PICTURES,
    UNDER_WAY,
    WORN_OUT,
    claim_evaluation,
    fail_evaluation,
    newest_request,
    release_evaluation,
    renew_evaluation,
    request_evaluation,
    why_not_measurable,
)
from classifier.models import Classifier, Dataset, EvaluationRequest, ModelVersion

pytestmark = pytest.mark.django_db
State = EvaluationRequest.State


@pytest.fixture
def version(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    monkeypatch.setattr("classifier.evaluation_requests.ring_by_name", lambda *arguments, **options: None)
    monkeypatch.setattr("classifier.evaluation_requests.live_sender.send", lambda events: None)
    Dataset.objects.create(classifier=pets, name="d", digest="0" * 64)
    assert pets.live_version
    return pets.live_version


def fall_silent() -> None:
    EvaluationRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_without_pictures_it_cannot_be_asked_for(version: ModelVersion) -> None:
    Dataset.objects.all().delete()
    assert why_not_measurable(version) == NO_PICTURES
    with pytest.raises(Refused, match="no pictures"):
        request_evaluation(version=version, user=None)


def test_one_at_a_time_for_each_version(version: ModelVersion) -> None:
    assert why_not_measurable(version) is None
    request_evaluation(version=version, user=None)
    assert why_not_measurable(version) == UNDER_WAY
    with pytest.raises(Conflict):
        request_evaluation(version=version, user=None)


def test_it_is_claimed_once(version: ModelVersion) -> None:
    request_evaluation(version=version, user=None)
    claimed = claim_evaluation(worker="a")
    assert claimed
    assert claimed.version_id == version.id
    assert claim_evaluation(worker="b") is None
    assert renew_evaluation(claimed)


def test_a_silent_worker_loses_it_to_another(version: ModelVersion) -> None:
    request_evaluation(version=version, user=None)
    lost = claim_evaluation(worker="a")
    fall_silent()
    taken = claim_evaluation(worker="b")
    assert lost
    assert taken
    assert not renew_evaluation(lost)
    assert not fail_evaluation(lost, reason="late words")
    assert EvaluationRequest.objects.get().state == State.RUNNING


def test_it_is_not_tried_for_ever(version: ModelVersion) -> None:
    request_evaluation(version=version, user=None)
    for _ in range(MOST_FAILURES):
        assert claim_evaluation(worker="a")
        fall_silent()
    assert claim_evaluation(worker="a") is None
    request = newest_request(version)
    assert request
    assert (request.state, request.outcome) == (State.FAILED, WORN_OUT)


def test_a_stopping_worker_gives_it_back_and_that_is_no_failure(version: ModelVersion) -> None:
    request_evaluation(version=version, user=None)
    for _ in range(MOST_FAILURES + 1):
        claimed = claim_evaluation(worker="a")
        assert claimed
        release_evaluation(claimed)
    assert EvaluationRequest.objects.get().failures == 0


def test_a_failure_says_why_and_lets_it_be_asked_for_again(version: ModelVersion) -> None:
    request_evaluation(version=version, user=None)
    claimed = claim_evaluation(worker="a")
    assert claimed
    assert fail_evaluation(claimed, reason="v1 cannot be loaded.")
    request = newest_request(version)
    assert request
    assert (request.state, request.outcome) == (State.FAILED, "v1 cannot be loaded.")
    assert why_not_measurable(version) is None
