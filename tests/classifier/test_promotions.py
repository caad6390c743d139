"""What follows from a verdict, and finding a version by its number."""

from __future__ import annotations

import pytest

from classifier.errors import NotFound
from classifier.models import Classifier, LiveVersionChange, ModelVersion
from classifier.promotion_gate import Policy, Verdict
from classifier.promotions import PromotionMode, apply_verdict, find_model_version
from tests.row_makers import make_version

PASSED = Verdict(True, Policy.NO_HARM, reasons=["Nothing shows that it is worse."])
REFUSED = Verdict(False, Policy.NO_HARM, reasons=["More became wrong than right."])


@pytest.fixture
def candidate(pets: Classifier) -> ModelVersion:
    return make_version(pets, "2" * 64)


def live_of(classifier: Classifier) -> ModelVersion | None:
    return Classifier.objects.select_related("live_version").get(pk=classifier.pk).live_version


def test_a_passed_version_goes_live_with_the_reason(pets: Classifier, candidate: ModelVersion) -> None:
    assert apply_verdict(version=candidate, verdict=PASSED, mode=PromotionMode.AUTO) == ModelVersion.Stage.LIVE
    assert live_of(pets) == candidate
    assert LiveVersionChange.objects.filter(version=candidate).get().reason == "Nothing shows that it is worse."


def test_a_refused_version_is_kept_out_with_the_verdict(pets: Classifier, candidate: ModelVersion) -> None:
    before = live_of(pets)
    assert apply_verdict(version=candidate, verdict=REFUSED, mode=PromotionMode.AUTO) == ModelVersion.Stage.REJECTED
    candidate.refresh_from_db()
    assert candidate.stage == ModelVersion.Stage.REJECTED
    assert candidate.verdict["sentences"] == ["More became wrong than right."]
    assert live_of(pets) == before


def test_never_leaves_a_candidate_with_its_verdict(pets: Classifier, candidate: ModelVersion) -> None:
    apply_verdict(version=candidate, verdict=PASSED, mode=PromotionMode.NEVER)
    candidate.refresh_from_db()
    assert candidate.stage == ModelVersion.Stage.CANDIDATE
    assert candidate.verdict["passed"] is True


def test_force_makes_a_refused_version_live_and_says_so(pets: Classifier, candidate: ModelVersion) -> None:
    apply_verdict(version=candidate, verdict=REFUSED, mode=PromotionMode.FORCE)
    assert live_of(pets) == candidate
    assert "forced" in LiveVersionChange.objects.filter(version=candidate).get().reason


def test_applying_a_verdict_twice_changes_the_history_once(pets: Classifier, candidate: ModelVersion) -> None:
    apply_verdict(version=candidate, verdict=PASSED, mode=PromotionMode.AUTO)
    apply_verdict(version=candidate, verdict=PASSED, mode=PromotionMode.AUTO)
    assert LiveVersionChange.objects.filter(version=candidate).count() == 1


@pytest.mark.parametrize("write", [lambda v: str(v.id), lambda v: str(v.number), lambda v: f"v{v.number}"])
def test_a_version_is_found_by_id_and_number(pets: Classifier, candidate: ModelVersion, write: object) -> None:
    assert find_model_version(classifier=pets, name=write(candidate)) == candidate  # type: ignore[operator]


def test_the_live_version_is_found_without_a_name(pets: Classifier) -> None:
    assert find_model_version(classifier=pets, name=None) == pets.live_version


@pytest.mark.parametrize("name", ["99", "v99", "newest", "", "²"])
def test_an_unknown_version_is_said(pets: Classifier, name: str) -> None:
    Classifier.objects.filter(pk=pets.pk).update(live_version=None)
    pets.refresh_from_db()
    with pytest.raises(NotFound):
        find_model_version(classifier=pets, name=name)
