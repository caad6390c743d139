"""What the worker makes of a trial: live, refused, tried again later, or left to another worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from classifier.models import Classifier, ModelVersion, PromotionRequest
from classifier.promotion_requests import claim_promotion, request_promotion
from tasks import promotion_loop
from tasks.promoting import look
from tasks.promotion_loop import PromotionLoop
from tasks.trial_process import Trial, Verdict
from tests.row_makers import make_version

pytestmark = pytest.mark.django_db
MakeTrials = Callable[..., list[ModelVersion]]


@pytest.fixture
def asked(pets: Classifier) -> ModelVersion:
    version = make_version(pets, "2" * 64)
    request_promotion(version=version, user=None, reason="better")
    return version


@pytest.fixture
def end_trials(monkeypatch: pytest.MonkeyPatch) -> MakeTrials:
    """Trials end as told; returns the list of versions that were tried."""

    def end(*trials: Trial, during: Callable[[], object] = lambda: None) -> list[ModelVersion]:
        tried: list[ModelVersion] = []

        def try_version(version: ModelVersion, *, may_go_on: Callable[[], bool]) -> Trial:
            tried.append(version)
            during()
            return trials[len(tried) - 1] if may_go_on() else Trial(Verdict.LEFT)

        monkeypatch.setattr(promotion_loop, "try_version", try_version)
        return tried

    return end


def state_and_live() -> tuple[str, int | None]:
    live = Classifier.objects.get().live_version
    return PromotionRequest.objects.get().state, live.number if live else None


def test_a_proved_version_goes_live(asked: ModelVersion, end_trials: MakeTrials) -> None:
    assert end_trials(Trial(Verdict.PROVED, "It answered.")) == []
    PromotionLoop().work_off()
    assert state_and_live() == ("done", 2)
    assert PromotionRequest.objects.get().outcome.endswith("It answered.")


def test_a_refused_version_does_not(asked: ModelVersion, end_trials: MakeTrials) -> None:
    end_trials(Trial(Verdict.REFUSED, "It answers otherwise than in training."))
    PromotionLoop().work_off()
    assert state_and_live() == ("refused", 1)
    assert PromotionRequest.objects.get().outcome == "It answers otherwise than in training."


def test_our_own_trouble_decides_nothing_and_is_tried_again(
    asked: ModelVersion, end_trials: MakeTrials, settings: Any
) -> None:
    settings.PREDICTION_RETRY_SECONDS = 60
    tried = end_trials(Trial(Verdict.TROUBLE, "The stored models were out of reach."))
    PromotionLoop().work_off()
    assert len(tried) == 1
    assert state_and_live() == ("waiting", 1)
    PromotionRequest.objects.update(lease_until=None)
    end_trials(Trial(Verdict.PROVED))
    PromotionLoop().work_off()
    assert state_and_live() == ("done", 2)


def test_a_stopping_worker_leaves_the_request_to_another(asked: ModelVersion, end_trials: MakeTrials) -> None:
    loop = PromotionLoop()
    end_trials(Trial(Verdict.PROVED), during=loop._stopping.set)
    loop.work_off()
    assert state_and_live() == ("waiting", 1)
    assert claim_promotion(worker="other")


def test_a_worker_that_lost_its_lease_while_it_tried_changes_nothing(
    asked: ModelVersion, end_trials: MakeTrials
) -> None:
    def lose_it() -> None:
        PromotionRequest.objects.update(lease_until=None)
        assert claim_promotion(worker="other")

    end_trials(Trial(Verdict.PROVED), during=lose_it)
    PromotionLoop().work_off()
    assert state_and_live() == ("waiting", 1)
    assert PromotionRequest.objects.get().worker == "other"


def test_the_lease_is_renewed_while_the_trial_goes_on(
    asked: ModelVersion, end_trials: MakeTrials, settings: Any
) -> None:
    settings.PROMOTION_LEASE_SECONDS = 0.0
    end_trials(Trial(Verdict.PROVED))
    PromotionLoop().work_off()
    assert state_and_live() == ("done", 2)


def test_the_bell_without_a_loop_does_nothing(asked: ModelVersion) -> None:
    look()
    assert state_and_live() == ("waiting", 1)
