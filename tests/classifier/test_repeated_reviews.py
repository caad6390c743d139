"""Words that arrive twice, words that say what the model said, and images that went while many were reviewed."""

from __future__ import annotations

import pytest

from classifier.errors import Conflict
from classifier.models import Image, Review
from classifier.reviews import ReviewWish, record_review, record_reviews
from tests.review_makers import answer_all, reviewer
from tests.row_makers import MakeImages

pytestmark = pytest.mark.django_db


@pytest.fixture
def images(make_images: MakeImages) -> list[Image]:
    """Two whose answer is “cat”."""
    made = make_images(2)
    answer_all([0.5, 0.4, 0.1])
    for image in made:
        image.refresh_from_db()
    return made


@pytest.mark.parametrize(("verdict", "label"), [("correct", "dog"), ("confirm", "cat"), ("skip", None)])
def test_a_word_that_is_sent_again_is_stored_once(images: list[Image], verdict: str, label: str | None) -> None:
    wish = ReviewWish(verdict, label, seen_version=images[0].version)
    first = record_review(image_id=images[0].id, user=reviewer("ann"), wish=wish)
    assert record_review(image_id=images[0].id, user=reviewer("ann"), wish=wish) == first
    assert Review.objects.count() == 1


def test_another_word_of_the_same_person_from_an_old_page_is_a_conflict(images: list[Image]) -> None:
    version = images[0].version
    record_review(image_id=images[0].id, user=reviewer("ann"), wish=ReviewWish("correct", "dog", version))
    with pytest.raises(Conflict, match="ann reviewed this picture as “dog”"):
        record_review(image_id=images[0].id, user=reviewer("ann"), wish=ReviewWish("correct", "bird", version))


def test_the_same_word_of_another_person_is_a_conflict_too(images: list[Image]) -> None:
    wish = ReviewWish("correct", "dog", images[0].version)
    record_review(image_id=images[0].id, user=reviewer("ann"), wish=wish)
    with pytest.raises(Conflict):
        record_review(image_id=images[0].id, user=reviewer("bob"), wish=wish)


def test_a_correction_to_what_the_model_said_is_a_confirmation_unless_it_was_blind(images: list[Image]) -> None:
    seen = record_review(image_id=images[0].id, user=reviewer("ann"), wish=ReviewWish("correct", "cat"))
    blind = record_review(image_id=images[1].id, user=reviewer("ann"), wish=ReviewWish("correct", "cat", is_blind=True))
    assert (seen.verdict, blind.verdict) == ("confirm", "correct")


def test_an_image_deleted_meanwhile_does_not_stop_the_others(images: list[Image]) -> None:
    named = [(image.id, image.version) for image in images]
    images[0].delete()
    recorded, conflicts = record_reviews(images=named, user=reviewer("ann"), wish=ReviewWish("correct", "dog"))
    assert recorded == 1
    assert [conflict.message for conflict in conflicts] == ["This picture was deleted meanwhile."]
