"""What the asker has said of pictures on `/`, as sentences, so that a page loaded again still shows it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.errors import NotAllowed
from classifier.models import Image, Review, Suggestion
from webapp.access import asking_owner, may_review
from webapp.socket_topics import SNAPSHOT_IMAGES


def read_newest_words(request: HttpRequest) -> dict[str, str]:
    """Image id → sentence, for those of the asker's own pictures that the live page shows."""
    try:
        key = asking_owner(request).key
    except NotAllowed:
        return {}
    return read_own_words(request, Image.objects.filter(owner=key).order_by("-id")[:SNAPSHOT_IMAGES])


def read_own_words(request: HttpRequest, images: QuerySet[Image]) -> dict[str, str]:
    """Image id → sentence. A reviewer's newest word on each picture, or what a visitor suggested last."""
    chosen = images.values("id")
    if may_review(request.user):
        assert isinstance(request.user, User)
        said = Review.objects.filter(image_id__in=chosen, user=request.user).select_related("label").order_by("id")
        newest = {str(review.image_id): review for review in said}
        return {
            image: _describe_review(each) for image, each in newest.items() if each.verdict != Review.Verdict.WITHDRAW
        }
    rows = Suggestion.objects.filter(image_id__in=chosen, owner=asking_owner(request).key).select_related("label")
    return {str(row.image_id): _describe_suggestion(row) for row in rows.order_by("id")}


def _describe_review(review: Review) -> str:
    return f"You said: {review.label.name}." if review.label else "You could not tell."


def _describe_suggestion(suggestion: Suggestion) -> str:
    outcome = "a reviewer has looked at it" if suggestion.handled_at else "a reviewer will look at it"
    return f"You said: {suggestion.label.name}; {outcome}."
