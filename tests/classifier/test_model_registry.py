"""Registering, promoting, rolling back: exactly one version is live, and its history is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from classifier.classifiers import create_classifier
from classifier.errors import Conflict, Refused
from classifier.model_registry import promote, register_version, reject, roll_back
from classifier.models import Classifier, LiveVersionChange, ModelVersion
from tests.row_makers import LABELS, make_version

pytestmark = pytest.mark.django_db
CaptureOnCommit = Callable[..., Any]


def stages(classifier: Classifier) -> dict[int, str]:
    return dict(classifier.versions.order_by("number").values_list("number", "stage"))


def live_number(classifier: Classifier) -> int | None:
    classifier.refresh_from_db()
    return classifier.live_version.number if classifier.live_version else None


def test_a_registered_version_is_a_candidate_with_the_next_number(pets: Classifier) -> None:
    version = register_version(
        classifier=pets,
        digest="2" * 64,
        manifest={"labels": LABELS, "data_fingerprint": "abc"},
        metrics={"holdout": {"accuracy": 0.9}},
    )
    assert (version.number, version.stage, version.data_fingerprint) == (2, "candidate", "abc")
    assert live_number(pets) == 1


def test_the_same_artifact_is_registered_once(pets: Classifier) -> None:
    assert make_version(pets, "2" * 64) == make_version(pets, "2" * 64)
    assert pets.versions.count() == 2


def test_two_classifiers_number_their_versions_apart(pets: Classifier) -> None:
    other = create_classifier(slug="other", labels=LABELS)
    assert make_version(other, "1" * 64).number == 1


def test_labels_the_classifier_lacks_are_added_behind_its_own(pets: Classifier) -> None:
    register_version(classifier=pets, digest="2" * 64, manifest={"labels": ["fish", "dog"]}, metrics={})
    assert [label.name for label in pets.labels.all()] == [*LABELS, "fish"]


@pytest.mark.parametrize("labels", [None, [], ["cat"], ["cat", "cat"], "cat dog"])
def test_a_manifest_without_labels_is_refused(labels: Any, pets: Classifier) -> None:
    with pytest.raises(Refused):
        register_version(classifier=pets, digest="2" * 64, manifest={"labels": labels}, metrics={})
    assert pets.versions.count() == 1


def test_promoting_makes_one_version_live_and_retires_the_other(pets: Classifier) -> None:
    first = pets.live_version
    assert promote(version=make_version(pets, "2" * 64), reason="better") == first
    assert live_number(pets) == 2
    assert stages(pets) == {1: "retired", 2: "live"}


def test_promoting_the_live_version_changes_nothing(pets: Classifier) -> None:
    assert pets.live_version
    promote(version=pets.live_version, reason="again")
    assert LiveVersionChange.objects.count() == 1
    assert stages(pets) == {1: "live"}


def test_the_history_says_what_replaced_what_and_why(pets: Classifier, django_user_model: Any) -> None:
    person = django_user_model.objects.create(username="owner")
    version = make_version(pets, "2" * 64)
    promote(version=version, reason="better " * 50, user=person)
    change = LiveVersionChange.objects.first()
    assert change is not None
    assert (change.version, change.previous, change.user, len(change.reason)) == (
        version,
        pets.live_version,
        person,
        200,
    )


def test_after_the_commit_workers_and_pages_hear_of_it_and_old_images_are_asked_again(
    pets: Classifier, rings: list[str], django_capture_on_commit_callbacks: CaptureOnCommit
) -> None:
    version = make_version(pets, "2" * 64)
    rings.clear()
    with django_capture_on_commit_callbacks() as callbacks:
        promote(version=version, reason="better")
    assert rings == []
    for callback in callbacks:
        callback()
    assert rings == ["ring", "tasks.housekeeping.repredict"]


def test_a_promotion_that_fails_leaves_everything_as_it_was(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_version(pets, "2" * 64)

    def fail(name: str) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr("classifier.model_registry.failpoint", fail)
    with pytest.raises(RuntimeError):
        promote(version=version, reason="better")
    assert live_number(pets) == 1
    assert stages(pets) == {1: "live", 2: "candidate"}
    assert LiveVersionChange.objects.count() == 1


def test_rolling_back_brings_the_version_before(pets: Classifier) -> None:
    promote(version=make_version(pets, "2" * 64), reason="better")
    pets.refresh_from_db()
    assert roll_back(classifier=pets).number == 1
    assert live_number(pets) == 1
    assert stages(pets) == {1: "live", 2: "retired"}
    change = LiveVersionChange.objects.first()
    assert change is not None
    assert change.reason == "rolled back from v2"


def test_rolling_back_needs_an_earlier_version(pets: Classifier) -> None:
    with pytest.raises(Conflict):
        roll_back(classifier=pets)


def test_rolling_back_uses_the_live_version_of_now_not_of_the_callers_old_copy(pets: Classifier) -> None:
    stale = Classifier.objects.get(id=pets.id)
    promote(version=make_version(pets, "2" * 64), reason="better")
    assert roll_back(classifier=stale).number == 1
    assert live_number(pets) == 1


def test_rolling_back_twice_does_not_swing_between_two_versions(pets: Classifier) -> None:
    for digest in ("2", "3"):
        promote(version=make_version(pets, digest * 64), reason="better")
    for expected in (2, 1):
        pets.refresh_from_db()
        assert roll_back(classifier=pets).number == expected


def test_a_rejected_candidate_keeps_the_reasons(pets: Classifier) -> None:
    version = make_version(pets, "2" * 64)
    reject(version=version, verdict={"reasons": ["worse"]})
    version.refresh_from_db()
    assert (version.stage, version.verdict) == ("rejected", {"reasons": ["worse"]})


def test_the_live_version_cannot_be_rejected(pets: Classifier) -> None:
    assert pets.live_version
    reject(version=pets.live_version, verdict={})
    assert stages(pets) == {1: "live"}


def test_the_database_itself_allows_one_live_version_only(pets: Classifier) -> None:
    version = make_version(pets, "2" * 64)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(id=version.id).update(stage="live")
