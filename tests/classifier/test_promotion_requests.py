"""Promotion by hand: asked for once, claimed by one worker, ended once, and never by a worker that lost it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from classifier import promotion_requests
from classifier.errors import Conflict, Refused
from classifier.live_updates import live_sender
from classifier.model_registry import promote, reject
from classifier.models import Classifier, LiveVersionChange, ModelVersion, PromotionRequest
from classifier.promotion_requests import (
    ClaimedPromotion,
    claim_promotion,
    complete_promotion,
    expire_promotions,
    refuse_promotion,
    release_promotion,
    renew_promotion,
    request_promotion,
    why_no_rollback,
    why_not_promotable,
)
from tests.row_makers import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(pets: Classifier) -> ModelVersion:
    return make_version(pets, "2" * 64)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What left after commits: bells and live events."""
    left: list[Any] = []
    monkeypatch.setattr(promotion_requests, "ring_by_name", lambda *words, **options: left.append((*words, options)))
    monkeypatch.setattr(live_sender, "send", left.append)
    return left


def ask(version: ModelVersion) -> PromotionRequest:
    return request_promotion(version=version, user=None, reason="looks good")


def claim(worker: str = "first") -> ClaimedPromotion:
    claimed = claim_promotion(worker=worker)
    assert claimed is not None
    return claimed


def let_leases_end() -> None:
    PromotionRequest.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now() - timedelta(seconds=1))


def live_number() -> int | None:
    version = Classifier.objects.get().live_version
    return version.number if version else None


def test_a_request_waits_and_rings_the_gpu_worker(
    second: ModelVersion, heard: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        request = ask(second)
    assert (request.state, request.version, live_number()) == ("waiting", second, 1)
    assert heard == [("tasks.promoting.look", [], {"queue": "gpu"})]


def test_a_proved_version_goes_live_with_its_asker_and_everybody_hears_of_it(
    second: ModelVersion, heard: list[Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    ask(second)
    with django_capture_on_commit_callbacks(execute=True):
        assert complete_promotion(claim(), note="It answered its 16 test pictures as in training.")
    request = PromotionRequest.objects.get()
    change = LiveVersionChange.objects.order_by("-at")[0]
    assert (request.state, live_number(), change.reason) == ("done", 2, "looks good")
    assert request.outcome == "v2 is live, instead of v1. It answered its 16 test pictures as in training."
    event = {"type": "promotion", "version": str(second.id), "state": "done", "outcome": request.outcome}
    assert {"everybody": [event]} in heard
    assert {"everybody": [{"type": "model", "classifier": "pets", "live": 2}]} in heard


def test_a_refused_version_changes_nothing_but_its_request(second: ModelVersion) -> None:
    ask(second)
    assert refuse_promotion(claim(), outcome="It answers otherwise than in training.")
    second.refresh_from_db()
    request = PromotionRequest.objects.get()
    assert (request.state, request.outcome) == ("refused", "It answers otherwise than in training.")
    assert (live_number(), second.stage) == (1, "candidate")
    assert why_not_promotable(second) is None


def test_a_request_is_claimed_once_until_its_lease_ends(second: ModelVersion) -> None:
    ask(second)
    claim("first")
    assert claim_promotion(worker="other") is None
    let_leases_end()
    assert claim("other").worker == "other"


def test_completing_twice_promotes_once(second: ModelVersion) -> None:
    ask(second)
    claimed = claim()
    assert [complete_promotion(claimed, note="") for _ in range(2)] == [True, False]
    assert LiveVersionChange.objects.filter(version=second).count() == 1


def test_a_worker_that_lost_its_claim_decides_nothing(second: ModelVersion) -> None:
    ask(second)
    zombie = claim("zombie")
    let_leases_end()
    heir = claim("heir")
    assert not renew_promotion(zombie)
    assert not complete_promotion(zombie, note="")
    assert not refuse_promotion(zombie, outcome="")
    assert live_number() == 1
    release_promotion(zombie)
    assert renew_promotion(heir)
    assert complete_promotion(heir, note="")
    assert live_number() == 2


def test_a_request_given_back_is_claimed_again_after_its_delay(second: ModelVersion) -> None:
    ask(second)
    release_promotion(claim(), delay_seconds=60, trouble="The stored models were out of reach.")
    assert claim_promotion(worker="other") is None
    let_leases_end()
    release_promotion(claim("other"))
    assert claim("third")


def test_a_version_that_the_gate_rejected_meanwhile_is_refused(second: ModelVersion) -> None:
    ask(second)
    claimed = claim()
    reject(version=second, verdict={})
    complete_promotion(claimed, note="")
    assert (PromotionRequest.objects.get().state, live_number()) == ("refused", 1)


def test_only_one_promotion_of_a_classifier_waits(pets: Classifier, second: ModelVersion) -> None:
    ask(second)
    third = make_version(pets, "3" * 64)
    assert why_not_promotable(third) == "v2 is being checked by a worker; wait until that has ended."
    with pytest.raises(Conflict, match="v2 is being checked"):
        ask(third)


def test_live_and_rejected_versions_are_not_promoted(pets: Classifier, second: ModelVersion) -> None:
    assert pets.live_version
    with pytest.raises(Refused, match="v1 is live already"):
        ask(pets.live_version)
    reject(version=second, verdict={})
    with pytest.raises(Refused, match=r"manage\.py promote pets 2 would force it"):
        ask(second)
    assert not PromotionRequest.objects.exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "No worker took it within 10 min. Start one for the queue gpu, then ask again."),
        ({"worker": "gone"}, "The worker that tried it stopped without a word. Ask again."),
        ({"outcome": "The stored models were out of reach."}, "The stored models were out of reach."),
    ],
)
def test_what_waits_too_long_ends_with_the_reason(second: ModelVersion, fields: dict[str, str], sentence: str) -> None:
    ask(second)
    assert expire_promotions() == 0
    PromotionRequest.objects.update(created_at=timezone.now() - timedelta(minutes=11), **fields)
    assert expire_promotions() == 1
    assert list(PromotionRequest.objects.values_list("state", "outcome")) == [("refused", sentence)]
    ask(second)


def test_a_trial_under_way_does_not_expire(second: ModelVersion) -> None:
    ask(second)
    claim()
    PromotionRequest.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert expire_promotions() == 0


def test_a_rollback_needs_a_version_to_go_back_to(pets: Classifier, second: ModelVersion) -> None:
    assert why_no_rollback(pets) == "There is no earlier live version to go back to."
    promote(version=second, reason="test")
    pets.refresh_from_db()
    assert why_no_rollback(pets) is None
