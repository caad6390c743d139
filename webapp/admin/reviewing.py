"""The actions "Confirm" and "Correct": a page that shows what would be said, then the domain verb for each picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from classifier.errors import Conflict, WhatsitError
from classifier.identifiers import parse_id
from classifier.models import Image, Label, Review
from classifier.presentation import describe_prediction
from classifier.reviews import MOST_AT_ONCE, ReviewWish, record_reviews

SHOWN = 48
CONFLICTS_SHOWN = 5
_PLACE = Review.Place.ADMIN


def confirm_chosen(request: HttpRequest, model_admin: ModelAdmin[Any], chosen: QuerySet[Image]) -> HttpResponse | None:
    """The page that asks; None once it was answered, or there is nothing to ask."""
    if "confirmed" in request.POST:
        _store(request, Review.Verdict.CONFIRM, _read_seen(request))
        return None
    images = _read(request, chosen)
    answered = [(image, label) for image in images or [] if (label := _answer(image))]
    if images and not answered:
        messages.error(request, "None of these pictures has an answer yet that could be confirmed.")
    if not answered:
        return None
    return _ask(
        request, model_admin, "confirm", "Confirm these answers?", answered, left_out=len(images) - len(answered)
    )


def correct_chosen(request: HttpRequest, model_admin: ModelAdmin[Any], chosen: QuerySet[Image]) -> HttpResponse | None:
    """As confirm_chosen; the page also asks which label it is."""
    if "confirmed" in request.POST:
        label = request.POST.get("label", "")
        _store(
            request, Review.Verdict.CORRECT, [(identifier, seen, label) for identifier, seen, _ in _read_seen(request)]
        )
        return None
    images = _read(request, chosen)
    classifiers = {image.classifier_id for image in images}
    if len(classifiers) > 1:
        messages.error(request, "Choose pictures of one classifier: each has labels of its own. Nothing was stored.")
    if len(classifiers) != 1:
        return None
    labels = Label.objects.filter(classifier_id=classifiers.pop()).values_list("name", flat=True)
    answered = [(image, _answer(image)) for image in images]
    return _ask(request, model_admin, "correct", "What are these pictures?", answered, labels=list(labels))


def _read(request: HttpRequest, chosen: QuerySet[Image]) -> list[Image]:
    images = list(chosen.order_by("-id")[: MOST_AT_ONCE + 1])
    if len(images) <= MOST_AT_ONCE:
        return images
    messages.error(request, f"Choose at most {MOST_AT_ONCE} pictures at once. Nothing was stored.")
    return []


def _answer(image: Image) -> str:
    prediction = image.current_prediction
    return (describe_prediction(prediction)["label"] or "") if prediction else ""


def _ask(
    request: HttpRequest,
    model_admin: ModelAdmin[Any],
    verdict: str,
    title: str,
    answered: Sequence[tuple[Image, str]],
    *,
    labels: Sequence[str] = (),
    left_out: int = 0,
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.model._meta,
        "verdict": verdict,
        "answered": answered,
        "shown": answered[:SHOWN],
        "not_shown": max(0, len(answered) - SHOWN),
        "left_out": left_out,
        "labels": labels,
        "checkbox_name": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/review_images.html", context)


def _read_seen(request: HttpRequest) -> list[tuple[UUID, int, str]]:
    """What the page had shown: (id, version, answer) of each picture."""
    found = []
    for text, answer in zip(request.POST.getlist("seen"), request.POST.getlist("answer"), strict=False):
        key, _, version = text.partition(":")
        identifier = parse_id(key)
        if identifier and version.isdecimal() and len(version) <= 18:
            found.append((identifier, int(version), answer))
    return found


def _store(request: HttpRequest, verdict: str, words: Sequence[tuple[UUID, int, str]]) -> None:
    assert isinstance(request.user, User)
    by_label: dict[str, list[tuple[UUID, int]]] = defaultdict(list)
    for identifier, seen, label in words:
        by_label[label].append((identifier, seen))
    recorded, conflicts = 0, list[Conflict]()
    try:
        for label, images in by_label.items():
            wish = ReviewWish(verdict, label, place=_PLACE)
            stored, clashes = record_reviews(images=images, user=request.user, wish=wish)
            recorded, conflicts = recorded + stored, conflicts + clashes
    except WhatsitError as problem:
        messages.error(request, problem.message)
    if recorded:
        messages.success(request, f"Reviewed: {recorded} {'picture' if recorded == 1 else 'pictures'}.")
    for conflict in conflicts[:CONFLICTS_SHOWN]:
        messages.warning(request, conflict.message)
    if len(conflicts) > CONFLICTS_SHOWN:
        messages.warning(
            request, f"{len(conflicts) - CONFLICTS_SHOWN} more pictures were not reviewed, as they changed."
        )
