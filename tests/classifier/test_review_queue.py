"""The order of the queue, its leases, and that no two near-duplicates are shown at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.audit import forget_shares
from classifier.models import Classifier, Image
from classifier.queue_filters import QueueFilter
from classifier.review_queue import count_waiting, release_images, take_entries
from classifier.reviews import ReviewWish, record_review
from classifier.suggestions import suggest_label
from tests.review_makers import answer_all, reviewer
from tests.row_makers import MakeImages, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_audit(pets: Classifier) -> None:
    """Nothing is drawn unless a test says so."""
    Classifier.objects.update(audit_share_sure=0.0, audit_share_unsure=0.0)
    pets.refresh_from_db()
    forget_shares()


def answered(seed: int, scores: list[float]) -> Image:
    image = upload(seed).images[0]
    answer_all(scores)
    image.refresh_from_db()
    return image


def test_the_least_certain_comes_first(pets: Classifier) -> None:
    sure, torn, middling = answered(1, [0.9, 0.1, 0.0]), answered(2, [0.5, 0.5, 0.0]), answered(3, [0.7, 0.3, 0.0])
    entries = take_entries(classifier=pets, user=reviewer("ann"), count=5)
    assert [entry.image_id for entry in entries] == [torn.id, middling.id, sure.id]


def test_an_image_without_an_answer_does_not_wait_for_review(pets: Classifier, make_images: MakeImages) -> None:
    make_images(2)
    assert take_entries(classifier=pets, user=reviewer("ann"), count=5) == []


def test_suggestions_stand_before_the_rest_and_draws_before_all_without_the_guess(pets: Classifier) -> None:
    torn, suggested = answered(1, [0.5, 0.5, 0.0]), answered(2, [0.9, 0.1, 0.0])
    suggest_label(image=suggested, owner_key=suggested.owner, label_name="bird")
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    drawn = answered(3, [0.8, 0.2, 0.0])
    entries = take_entries(classifier=pets, user=reviewer("ann"), count=5)
    assert [(entry.image_id, entry.is_blind, entry.suggested) for entry in entries] == [
        (drawn.id, True, []),
        (suggested.id, False, ["bird"]),
        (torn.id, False, []),
    ]


def test_two_reviewers_never_hold_the_same_image(pets: Classifier) -> None:
    images = {answered(seed, [0.6, 0.4, 0.0]).id for seed in range(4)}
    mine = {entry.image_id for entry in take_entries(classifier=pets, user=reviewer("ann"), count=2)}
    yours = {entry.image_id for entry in take_entries(classifier=pets, user=reviewer("bob"), count=4)}
    assert mine | yours == images
    assert not mine & yours


def test_what_a_reviewer_left_lying_comes_to_others_when_the_lease_is_over(pets: Classifier) -> None:
    image = answered(1, [0.6, 0.4, 0.0])
    assert len(take_entries(classifier=pets, user=reviewer("ann"), count=1)) == 1
    assert take_entries(classifier=pets, user=reviewer("bob"), count=1) == []
    Image.objects.filter(id=image.id).update(review_lease_until=timezone.now() - timedelta(seconds=1))
    assert len(take_entries(classifier=pets, user=reviewer("bob"), count=1)) == 1


def test_what_is_handed_back_comes_to_others_at_once(pets: Classifier) -> None:
    image = answered(1, [0.6, 0.4, 0.0])
    take_entries(classifier=pets, user=reviewer("ann"), count=1)
    assert release_images(image_ids=[image.id], user=reviewer("bob")) == 0
    assert release_images(image_ids=[image.id], user=reviewer("ann")) == 1
    assert len(take_entries(classifier=pets, user=reviewer("bob"), count=1)) == 1


def test_near_duplicates_are_shown_one_at_a_time(pets: Classifier) -> None:
    first, second, other = (answered(seed, [0.6, 0.4, 0.0]) for seed in (1, 2, 3))
    Image.objects.update(width=200, height=200)
    Image.objects.filter(id=first.id).update(difference_hash=bytes(32))
    Image.objects.filter(id=second.id).update(difference_hash=bytes(31) + b"\x07")
    Image.objects.filter(id=other.id).update(difference_hash=b"\xff" * 32)
    shown = [entry.image_id for entry in take_entries(classifier=pets, user=reviewer("ann"), count=5)]
    assert shown == [first.id, other.id]
    record_review(image_id=first.id, user=reviewer("ann"), wish=ReviewWish("correct", "dog"))
    after = take_entries(classifier=pets, user=reviewer("ann"), count=5, held=[other.id])
    assert [entry.image_id for entry in after] == [second.id]


def test_small_pictures_with_one_hash_are_not_taken_for_duplicates(pets: Classifier) -> None:
    for seed in (1, 2):
        answered(seed, [0.6, 0.4, 0.0])
    Image.objects.update(difference_hash=bytes(32))
    assert len(take_entries(classifier=pets, user=reviewer("ann"), count=5)) == 2


def test_filters_narrow_the_queue_and_leave_the_blind_draws_out(pets: Classifier) -> None:
    cat, dog = answered(1, [0.6, 0.4, 0.0]), answered(2, [0.3, 0.7, 0.0])
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    answered(3, [0.2, 0.0, 0.8])
    wish = QueueFilter(label="dog")
    assert [entry.image_id for entry in take_entries(classifier=pets, user=reviewer("ann"), count=5, wish=wish)] == [
        dog.id
    ]
    wish = QueueFilter(most_confidence=0.65)
    assert [entry.image_id for entry in take_entries(classifier=pets, user=reviewer("bob"), count=5, wish=wish)] == [
        cat.id
    ]


def test_the_count_of_what_waits_stops_where_it_need_not_go_on(pets: Classifier) -> None:
    for seed in range(4):
        answered(seed, [0.6, 0.4, 0.0])
    assert count_waiting(pets) == 4
    assert count_waiting(pets, at_most=3) == 3
