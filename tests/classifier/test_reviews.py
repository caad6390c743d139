"""What a reviewer's word does: kept for ever, settled by agreement, never over somebody's unseen word."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from classifier.audit import forget_shares
from classifier.errors import Conflict, Refused
from classifier.models import AuditDraw, Classifier, Image, Review, Suggestion
from classifier.prediction_requests import request_prediction
from classifier.reviews import ReviewWish, record_review, record_reviews, withdraw_review
from classifier.suggestions import suggest_label
from tests.review_makers import answer_all, reviewer
from tests.row_makers import MakeImages, make_version

pytestmark = pytest.mark.django_db


def correct(image: Image, user: User, label: str, **more: object) -> Review:
    return record_review(image_id=image.id, user=user, wish=ReviewWish("correct", label, **more))  # type: ignore[arg-type]


@pytest.fixture
def image(make_images: MakeImages) -> Image:
    """One image whose answer is “cat”, unsurely."""
    made = make_images(1)[0]
    answer_all([0.5, 0.4, 0.1])
    made.refresh_from_db()
    return made


def test_an_answered_image_waits_for_review_with_its_usefulness(image: Image) -> None:
    assert image.usefulness == pytest.approx(0.9)
    assert image.review_state == ""


def test_a_correction_settles_the_image_and_keeps_what_the_model_had_said(image: Image) -> None:
    review = correct(image, reviewer("ann"), "dog")
    image.refresh_from_db()
    assert (image.review_state, str(image.settled_label), image.usefulness) == ("settled", "dog", None)
    assert str(review.shown_label) == "cat"
    assert review.model_version == image.classifier.live_version


def test_a_confirmation_settles_the_answered_label(image: Image) -> None:
    record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("confirm", "cat"))
    image.refresh_from_db()
    assert str(image.settled_label) == "cat"


def test_a_review_reads_the_answer_once(image: Image) -> None:
    with CaptureQueriesContext(connection) as queries:
        record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("confirm"))
    said = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    assert sum('_prediction" WHERE' in each for each in said) == 1


def test_nothing_can_be_confirmed_before_there_is_an_answer(make_images: MakeImages) -> None:
    with pytest.raises(Refused, match="no answer yet"):
        record_review(image_id=make_images(1)[0].id, user=reviewer("ann"), wish=ReviewWish("confirm"))


def test_a_confirmation_of_an_answer_that_was_replaced_meanwhile_is_a_conflict(image: Image) -> None:
    with pytest.raises(Conflict, match="newer answer"):
        record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("confirm", "dog"))
    assert not Review.objects.exists()


def test_a_word_over_an_unseen_word_is_refused_and_says_whose_it_is(image: Image) -> None:
    seen = image.version
    correct(image, reviewer("ann"), "dog", seen_version=seen)
    with pytest.raises(Conflict, match="ann reviewed this picture as “dog”"):
        correct(image, reviewer("bob"), "bird", seen_version=seen)
    image.refresh_from_db()
    assert str(image.settled_label) == "dog"
    assert Review.objects.count() == 1


def test_two_reviewers_who_differ_keep_the_image_out_until_they_agree(image: Image) -> None:
    ann, bob = reviewer("ann"), reviewer("bob")
    correct(image, ann, "dog")
    correct(image, bob, "bird")
    image.refresh_from_db()
    assert (image.review_state, image.settled_label) == ("disputed", None)
    correct(image, ann, "bird")
    image.refresh_from_db()
    assert (image.review_state, str(image.settled_label)) == ("settled", "bird")


def test_an_owners_deciding_word_ends_a_disagreement(image: Image) -> None:
    correct(image, reviewer("ann"), "dog")
    correct(image, reviewer("bob"), "bird")
    correct(image, reviewer("olga"), "dog", decides=True)
    image.refresh_from_db()
    assert (image.review_state, str(image.settled_label)) == ("settled", "dog")


def test_taking_a_word_back_puts_the_image_where_it_was_and_keeps_both_words(image: Image) -> None:
    ann = reviewer("ann")
    correct(image, ann, "dog")
    withdraw_review(image_id=image.id, user=ann)
    image.refresh_from_db()
    assert (image.review_state, image.settled_label) == ("", None)
    assert image.usefulness == pytest.approx(0.9)
    assert list(Review.objects.order_by("id").values_list("verdict", flat=True)) == ["correct", "withdraw"]


def test_there_is_nothing_to_take_back_where_one_has_said_nothing(image: Image) -> None:
    correct(image, reviewer("ann"), "dog")
    with pytest.raises(Conflict, match="no word of yours"):
        withdraw_review(image_id=image.id, user=reviewer("bob"))


def test_a_skipped_image_leaves_the_queue_without_a_label(image: Image) -> None:
    record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("skip"))
    image.refresh_from_db()
    assert (image.review_state, image.settled_label, image.usefulness) == ("skipped", None, None)


def test_an_unknown_label_is_refused_by_name(image: Image) -> None:
    with pytest.raises(Refused, match="no label “horse”"):
        correct(image, reviewer("ann"), "horse")


def test_a_word_for_many_images_leaves_out_those_that_changed_meanwhile(make_images: MakeImages) -> None:
    images = make_images(3)
    answer_all([0.5, 0.4, 0.1])
    seen = [(image.id, Image.objects.get(id=image.id).version) for image in images]
    correct(images[1], reviewer("ann"), "dog")
    recorded, conflicts = record_reviews(images=seen, user=reviewer("bob"), wish=ReviewWish("correct", "bird"))
    assert (recorded, len(conflicts)) == (2, 1)
    assert Image.objects.get(id=images[1].id).settled_label.name == "dog"  # type: ignore[union-attr]


def test_a_later_answer_does_not_put_a_reviewed_image_back_into_the_queue(image: Image) -> None:
    correct(image, reviewer("ann"), "dog")
    request_prediction(image=image, wished_version=make_version(image.classifier, "3" * 64), priority=5)
    answer_all([0.4, 0.3, 0.3])
    image.refresh_from_db()
    assert image.usefulness is None


def test_a_visitors_second_suggestion_replaces_the_first_and_a_review_closes_it(image: Image) -> None:
    suggest_label(image=image, owner_key=image.owner, label_name="dog")
    suggest_label(image=image, owner_key=image.owner, label_name="bird")
    assert list(Suggestion.objects.values_list("label__name", flat=True)) == ["bird"]
    image.refresh_from_db()
    assert image.review_state == ""
    correct(image, reviewer("ann"), "dog")
    assert Suggestion.objects.filter(handled_at__isnull=True).count() == 0


@pytest.fixture
def drawn(pets: Classifier, make_images: MakeImages) -> Image:
    """An image whose answer was drawn for the audit."""
    Classifier.objects.update(audit_share_sure=1.0, audit_share_unsure=1.0)
    forget_shares()
    made = make_images(1)[0]
    answer_all([0.8, 0.1, 0.1])
    forget_shares()
    return made


def test_only_a_blind_word_answers_a_draw(drawn: Image) -> None:
    correct(drawn, reviewer("ann"), "dog")
    assert AuditDraw.objects.get().answered_at is None
    correct(drawn, reviewer("bob"), "cat", is_blind=True)
    draw = AuditDraw.objects.get()
    assert (str(draw.answer), str(draw.label), draw.probability) == ("cat", "cat", 1.0)


def test_a_blind_skip_ends_the_wait_without_an_answer_and_taking_it_back_opens_it_again(drawn: Image) -> None:
    ann = reviewer("ann")
    record_review(image_id=drawn.id, user=ann, wish=ReviewWish("skip", is_blind=True))
    draw = AuditDraw.objects.get()
    assert draw.answered_at is not None
    assert draw.answer is None
    withdraw_review(image_id=drawn.id, user=ann)
    assert AuditDraw.objects.get().answered_at is None
