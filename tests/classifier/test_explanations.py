"""Wishes for heat maps: one a version, fenced, tried again after silence, gone with their image."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from classifier.derivatives import derivative_prefix
from classifier.explanations import (
    EXPLAIN_TASK,
    MOST_FAILURES,
    WORN_OUT,
    claim_explanation,
    complete_explanation,
    fail_explanation,
    has_due_explanations,
    heatmap_key,
    read_heatmap,
    release_explanation,
    request_explanation,
)
from classifier.models import Classifier, Explanation, Image, ModelVersion
from classifier.object_storage import delete_object, list_objects, object_exists
from tests.row_makers import upload

pytestmark = pytest.mark.django_db
PNG = b"a heat map"


@pytest.fixture
def image(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> Image:
    monkeypatch.setattr("classifier.explanations.ring_by_name", lambda *arguments, **options: None)
    return upload(1).images[0]


@pytest.fixture
def version(pets: Classifier) -> ModelVersion:
    assert pets.live_version
    return pets.live_version


def ask(image: Image, version: ModelVersion) -> Explanation:
    return request_explanation(image=image, version=version)


def let_lease_end() -> None:
    Explanation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_asking_twice_is_one_wish_and_one_ring(
    image: Image, version: ModelVersion, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    monkeypatch.setattr("classifier.explanations.ring_by_name", lambda task, *rest, **options: rung.append(task))
    with django_capture_on_commit_callbacks(execute=True):
        assert ask(image, version) == ask(image, version)
    assert (Explanation.objects.get().state, rung) == ("waiting", [EXPLAIN_TASK])


def test_a_wish_is_claimed_once_and_made_once(image: Image, version: ModelVersion) -> None:
    wish = ask(image, version)
    assert has_due_explanations()
    claimed = claim_explanation(worker="w1")
    assert claimed
    assert claim_explanation(worker="w2") is None
    assert not has_due_explanations()
    assert complete_explanation(claimed, PNG)
    assert not complete_explanation(claimed, PNG)
    wish.refresh_from_db()
    assert (wish.state, read_heatmap(wish)) == ("done", PNG)
    assert heatmap_key(image.id, version.id).startswith(derivative_prefix(image.id))


def test_who_lost_the_lease_decides_nothing(image: Image, version: ModelVersion) -> None:
    ask(image, version)
    late = claim_explanation(worker="w1")
    let_lease_end()
    assert claim_explanation(worker="w2")
    assert late
    assert not complete_explanation(late, PNG)
    assert not fail_explanation(late, reason="late")
    release_explanation(late)
    assert Explanation.objects.get().worker == "w2"


def test_three_silences_fail_the_wish(image: Image, version: ModelVersion) -> None:
    ask(image, version)
    for _ in range(MOST_FAILURES):
        assert claim_explanation(worker="w")
        let_lease_end()
    assert claim_explanation(worker="w") is None
    wish = Explanation.objects.get()
    assert (wish.state, wish.outcome) == ("failed", WORN_OUT)


def test_what_was_given_back_counts_as_no_failure_and_waits(image: Image, version: ModelVersion) -> None:
    ask(image, version)
    for _ in range(MOST_FAILURES + 1):
        claimed = claim_explanation(worker="w")
        assert claimed
        release_explanation(claimed)
    claimed = claim_explanation(worker="w")
    assert claimed
    release_explanation(claimed, delay_seconds=60)
    assert claim_explanation(worker="w") is None
    let_lease_end()
    assert claim_explanation(worker="w")
    assert Explanation.objects.get().failures == 0


def test_a_failed_wish_is_tried_again_when_asked_a_while_later(image: Image, version: ModelVersion) -> None:
    ask(image, version)
    claimed = claim_explanation(worker="w")
    assert claimed
    fail_explanation(claimed, reason="no")
    assert ask(image, version).state == "failed"
    Explanation.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    assert ask(image, version).state == "waiting"


def test_a_map_that_is_gone_is_made_again(image: Image, version: ModelVersion) -> None:
    ask(image, version)
    claimed = claim_explanation(worker="w")
    assert claimed
    complete_explanation(claimed, PNG)
    delete_object(heatmap_key(image.id, version.id))
    assert read_heatmap(Explanation.objects.get()) is None
    assert Explanation.objects.get().state == "waiting"


def test_a_map_of_an_image_deleted_meanwhile_does_not_stay(image: Image, version: ModelVersion) -> None:
    ask(image, version)
    claimed = claim_explanation(worker="w")
    assert claimed
    image.current_prediction = None
    image.save(update_fields=["current_prediction"])
    image_id = image.id
    image.delete()
    assert not complete_explanation(claimed, PNG)
    assert list(list_objects(derivative_prefix(image_id))) == []


def test_who_lost_the_lease_leaves_the_map_of_who_has_it(image: Image, version: ModelVersion) -> None:
    ask(image, version)
    late = claim_explanation(worker="w1")
    let_lease_end()
    fast = claim_explanation(worker="w2")
    assert late
    assert fast
    complete_explanation(fast, PNG)
    complete_explanation(late, PNG)
    assert object_exists(heatmap_key(image.id, version.id))
