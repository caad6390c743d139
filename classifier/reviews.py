"""A reviewer's word on an image: recorded for ever, settled where reviewers agree, never written over unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from classifier.errors import Conflict, NotFound, Refused
from classifier.live_updates import live_sender, prediction_events
from classifier.models import AuditDraw, Image, Label, Prediction, Review, Suggestion
from classifier.review_standing import Word, decide_standing
from classifier.usefulness import usefulness_of
from classifier.webhook_messages import tell_review
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

Verdict, Place = Review.Verdict, Review.Place
MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class ReviewWish:
    """What a reviewer said. `seen_version` is the image's version on the screen, None where nothing was shown.

    `label` is a name; for `confirm` the label that was confirmed, which must still be the answer, or None for it.
    """

    verdict: str
    label: str | None = None
    seen_version: int | None = None
    is_blind: bool = False
    decides: bool = False
    place: str = Place.PAGE


def record_review(*, image_id: UUID, user: User, wish: ReviewWish) -> Review:
    """Store the word and what follows from it, in one transaction.

    A correction to what the model had said is stored as the confirmation that it is. The same word of the same person
    sent again, as after a lost answer, is stored once.

    Raises NotFound, Refused (no such label or verdict, nothing to confirm), Conflict where somebody else reviewed the
    image, or another answer took the place of the confirmed one, since the reviewer saw it.
    """
    with write_transaction():
        image = _lock(image_id)
        if repeated := _find_repeated(image, user, wish):
            return repeated
        _refuse_lost_update(image, wish)
        label = _label_for(image, wish)
        review = Review.objects.create(
            image=image,
            classifier_id=image.classifier_id,
            user=user,
            verdict=_verdict_of(image, wish, label),
            label=label,
            shown_label_id=_answered_label(image),
            model_version_id=_answering_version(image),
            is_blind=wish.is_blind,
            decides=wish.decides,
            place=wish.place,
        )
        _answer_audit(review)
        Suggestion.objects.filter(image=image, handled_at__isnull=True).update(handled_at=Now())
        _settle(image)
        tell_review(review)
    logger.info("image_reviewed", image=str(image_id), verdict=wish.verdict)
    return review


def record_reviews(*, images: Sequence[tuple[UUID, int]], user: User, wish: ReviewWish) -> tuple[int, list[Conflict]]:
    """One word for many images, given as (id, version on the screen): `(recorded, the conflicts of the others)`.

    Each image is its own transaction: one that changed meanwhile does not undo the rest. Raises Refused.
    """
    if len(images) > MOST_AT_ONCE:
        raise Refused("malformed_request", f"At most {MOST_AT_ONCE} pictures can be reviewed at once.")
    conflicts: list[Conflict] = []
    for image_id, seen_version in images:
        one = ReviewWish(wish.verdict, wish.label, seen_version, wish.is_blind, wish.decides, wish.place)
        try:
            record_review(image_id=image_id, user=user, wish=one)
        except Conflict as conflict:
            conflicts.append(conflict)
        except NotFound:
            conflicts.append(Conflict("This picture was deleted meanwhile.", image=str(image_id)))
    return len(images) - len(conflicts), conflicts


def withdraw_review(*, image_id: UUID, user: User, place: str = Place.PAGE) -> Review:
    """Take one's own newest word on the image back; the image stands as it stood before. Raises NotFound, Conflict."""
    with write_transaction():
        image = _lock(image_id)
        mine = Review.objects.filter(image=image, user=user).order_by("-id").first()
        if mine is None or mine.verdict == Verdict.WITHDRAW:
            raise Conflict("There is no word of yours on this picture to take back.")
        review = Review.objects.create(
            image=image,
            classifier_id=image.classifier_id,
            user=user,
            verdict=Verdict.WITHDRAW,
            shown_label_id=_answered_label(image),
            model_version_id=_answering_version(image),
            place=place,
        )
        AuditDraw.objects.filter(review=mine).update(review=None, answer=None, answered_at=None)
        _settle(image)
        tell_review(review)
    return review


def describe_words(image: Image) -> list[Word]:
    """Every word on the image, oldest first, as review_standing reads them."""
    rows = Review.objects.filter(image=image).order_by("id")
    return [Word(row.user_id, row.verdict, row.label_id, row.decides) for row in rows]


def _lock(image_id: UUID) -> Image:
    image = Image.objects.select_for_update().filter(id=image_id).first()
    if image is None:
        raise NotFound
    return image


def _refuse_lost_update(image: Image, wish: ReviewWish) -> None:
    if wish.verdict not in (Verdict.CONFIRM, Verdict.CORRECT, Verdict.SKIP):
        raise Refused("malformed_request", "The verdict must be confirm, correct or skip.")
    if wish.seen_version is None or image.reviewed_version <= wish.seen_version:
        return
    newest = Review.objects.filter(image=image).select_related("label", "user").order_by("-id").first()
    who = newest.user.get_username() if newest and newest.user else "Somebody"
    said = f" as “{newest.label.name}”" if newest and newest.label else ""
    raise Conflict(
        f"{who} reviewed this picture{said} since you opened it. Nothing of yours was stored; look again.",
        image=str(image.id),
        version=image.version,
        state=image.review_state,
    )


def _find_repeated(image: Image, user: User, wish: ReviewWish) -> Review | None:
    """The newest word, where it is this very one by this very person."""
    if wish.seen_version is None or image.reviewed_version <= wish.seen_version:
        return None
    newest = Review.objects.filter(image=image).select_related("label").order_by("-id").first()
    if newest is None or newest.user_id != user.pk or newest.verdict == Verdict.WITHDRAW:
        return None
    said = None if wish.verdict == Verdict.SKIP else wish.label
    return newest if said == (newest.label.name if newest.label else None) else None


def _verdict_of(image: Image, wish: ReviewWish, label: Label | None) -> str:
    if wish.is_blind or label is None or label.id != _answered_label(image):
        return wish.verdict
    return Verdict.CONFIRM


def _label_for(image: Image, wish: ReviewWish) -> Label | None:
    if wish.verdict == Verdict.SKIP:
        return None
    if wish.verdict == Verdict.CONFIRM:
        return _confirmed_label(image, wish)
    label = Label.objects.filter(classifier_id=image.classifier_id, name=wish.label or "").first()
    if label is None:
        raise Refused("malformed_request", f"This classifier has no label “{wish.label or ''}”.", label=wish.label)
    return label


def _confirmed_label(image: Image, wish: ReviewWish) -> Label:
    label_id = _answered_label(image)
    if label_id is None:
        raise Refused("malformed_request", "There is no answer yet to confirm. Choose the right label instead.")
    label = Label.objects.get(id=label_id)
    if wish.label is not None and wish.label != label.name:
        raise Conflict(
            f"A newer answer came in meanwhile: “{label.name}”, not “{wish.label}”. Nothing was stored; look again.",
            image=str(image.id),
            version=image.version,
            state=image.review_state,
        )
    return label


def _current(image: Image) -> Prediction | None:
    """The answer it has; read once, since the locked image keeps it."""
    current: Prediction | None = image.current_prediction
    return current if current is not None and current.state == Prediction.State.DONE else None


def _answered_label(image: Image) -> UUID | None:
    current = _current(image)
    return current.label_id if current else None


def _answering_version(image: Image) -> UUID | None:
    current = _current(image)
    return current.model_version_id if current else None


def _answer_audit(review: Review) -> None:
    """A blind word answers what was drawn of this image; “I cannot tell” ends the wait without an answer."""
    if review.is_blind:
        AuditDraw.objects.filter(image_id=review.image_id, answered_at__isnull=True).update(
            review=review, answer=review.label, answered_at=Now()
        )


def _settle(image: Image) -> None:
    """Recompute where the image stands from all words, and tell whoever has it on a page."""
    standing = decide_standing(describe_words(image))
    changes: dict[str, Any] = {
        "review_state": standing.state,
        "settled_label_id": standing.label_id,
        "usefulness": None,
        "version": F("version") + 1,
        "reviewed_version": F("version") + 1,
        "review_lease_user": None,
        "review_lease_until": None,
    }
    current = _current(image)
    if not standing.state and current is not None:
        changes["usefulness"] = usefulness_of(current.scores or [])
    Image.objects.filter(id=image.id).update(**changes)
    transaction.on_commit(lambda: live_sender.send(prediction_events([image.id])))
