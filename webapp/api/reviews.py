"""/images/{id}/reviews and /review-queue: a person's word on a picture, and the pictures that wait for one."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema
from pydantic import Field

from classifier.classifiers import find_classifier
from classifier.errors import NotAllowed, NotFound, Refused
from classifier.identifiers import parse_id
from classifier.models import Image
from classifier.presentation import describe_image
from classifier.review_presentation import describe_entries
from classifier.review_queue import count_wished, lease_images, release_images, take_entries, take_image
from classifier.reviews import ReviewWish, record_review, withdraw_review
from classifier.suggestions import suggest_label
from webapp.access import get_image, may_decide, may_review, owns_image, sending_owner
from webapp.api.review_schemas import (
    HeldIn,
    QueueEntryOut,
    QueueOut,
    ReleasedOut,
    RenewedOut,
    ReviewedOut,
    ReviewIn,
)
from webapp.api.schemas import Error
from webapp.review_filters import NAMES, read_filter

router = Router(tags=["reviews"])
_ERRORS = {400: Error, 401: Error, 403: Error, 404: Error, 409: Error, 503: Error}
ImageId = Annotated[str, Path(description="An image's id")]


@router.post(
    "/images/{image_id}/reviews",
    response={201: ReviewedOut, 202: ReviewedOut, **_ERRORS},
    summary="Say what a picture is",
)
def review_image(request: HttpRequest, image_id: ImageId, body: ReviewIn) -> HttpResponse:
    """201: a reviewer's word was stored. 202: a suggestion for one's own image was. 409: somebody reviewed it since
    `version`; `details` hold the image's version and state now. `withdraw` takes one's own newest word back."""
    image = get_image(request, image_id)
    if may_review(request.user):
        _store_review(request, image.id, body)
        return _reviewed(request, image_id, kind="review", status=HTTPStatus.CREATED)
    owner = sending_owner(request)
    if not owns_image(request, image):
        raise NotFound
    suggest_label(image=image, owner_key=owner.key, label_name=_suggested_label(image, body))
    return _reviewed(request, image_id, kind="suggestion", status=HTTPStatus.ACCEPTED)


class QueueWish(Schema):
    """Which pictures, and which are on the screen already."""

    classifier: str | None = None
    count: Annotated[int, Field(ge=1, le=50)] = 10
    held: Annotated[list[str], Field(max_length=100)] = []
    label: str = ""
    max_confidence: str = ""
    since: str = ""
    model: str = ""
    source: str = ""


@router.get(
    "/review-queue", response={200: QueueOut, **_ERRORS}, summary="Take pictures to review", operation_id="take_queue"
)
def read_queue(request: HttpRequest, wish: Query[QueueWish]) -> HttpResponse:
    """For our own page, and whoever builds another: each picture is this reviewer's for two minutes. Name those still
    in hand as `held`, repeated. Renew what is held before the time is over, release what is not wanted."""
    user = _reviewing_user(request)
    classifier = find_classifier(wish.classifier)
    chosen = read_filter({name: getattr(wish, name) for name in NAMES})
    waiting = count_wished(classifier, wish=chosen)
    entries = take_entries(classifier=classifier, user=user, count=wish.count, wish=chosen, held=_read_ids(wish.held))
    return _json({"entries": describe_entries(entries), "waiting": waiting})


@router.post(
    "/review-queue/renew",
    response={200: RenewedOut, **_ERRORS},
    summary="Keep pictures in hand",
    operation_id="renew_queue",
)
def renew(request: HttpRequest, body: HeldIn) -> HttpResponse:
    """For another two minutes."""
    user = _reviewing_user(request)
    ids = _read_ids(body.images)
    kept = lease_images(image_ids=ids, user=user)
    return _json({"lost": [str(identifier) for identifier in ids if identifier not in kept]})


@router.post(
    "/review-queue/release",
    response={200: ReleasedOut, **_ERRORS},
    summary="Hand pictures back",
    operation_id="release_queue",
)
def release(request: HttpRequest, body: HeldIn) -> HttpResponse:
    """Others get them at once, not only when the time is over."""
    user = _reviewing_user(request)
    return _json({"released": release_images(image_ids=_read_ids(body.images), user=user)})


@router.get(
    "/review-queue/{image_id}",
    response={200: QueueEntryOut, **_ERRORS},
    summary="Take this very picture",
    operation_id="take_image",
)
def read_entry(request: HttpRequest, image_id: ImageId) -> HttpResponse:
    """To look again after a conflict. 409 while another reviewer has it in hand."""
    user = _reviewing_user(request)
    identifier = parse_id(image_id)
    if identifier is None:
        raise NotFound
    found = describe_entries([take_image(image_id=identifier, user=user)])
    if not found:
        raise NotFound
    return _json(found[0])


def _store_review(request: HttpRequest, image_id: UUID, body: ReviewIn) -> None:
    assert isinstance(request.user, User)
    if body.verdict == "withdraw":
        withdraw_review(image_id=image_id, user=request.user, place=body.place)
        return
    if body.decides and not may_decide(request.user):
        raise NotAllowed("Only an owner may decide what reviewers disagree on.")
    if body.blind and body.verdict == "confirm":
        raise Refused("malformed_request", "A blind review names the label: there was no answer to confirm.")
    wish = ReviewWish(body.verdict, body.label, body.version, body.blind, body.decides, body.place)
    record_review(image_id=image_id, user=request.user, wish=wish)


def _suggested_label(image: Image, body: ReviewIn) -> str:
    answer = image.current_prediction.label if image.current_prediction else None
    if body.verdict == "confirm" and body.label is None and answer is not None:
        return answer.name
    if body.verdict in ("confirm", "correct") and body.label:
        return body.label
    raise Refused("malformed_request", "A suggestion names what the picture is: send its label.")


def _reviewing_user(request: HttpRequest) -> User:
    if isinstance(request.user, AnonymousUser):
        raise NotAllowed("Log in as a reviewer first.", status=401)
    if not may_review(request.user):
        raise NotFound
    assert isinstance(request.user, User)
    return request.user


def _read_ids(texts: list[str]) -> list[UUID]:
    """Those that are ids; what is none, nobody holds."""
    return [identifier for text in texts if (identifier := parse_id(text))]


def _reviewed(request: HttpRequest, image_id: str, *, kind: str, status: int) -> HttpResponse:
    return _json({**describe_image(get_image(request, image_id)), "kind": kind}, status=status)


def _json(body: object, *, status: int = HTTPStatus.OK) -> HttpResponse:
    return HttpResponse(json.dumps(body, ensure_ascii=False).encode(), content_type="application/json", status=status)
