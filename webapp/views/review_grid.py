"""`/review/?mode=grid`: many pictures, chosen together, given one label."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from classifier.errors import Conflict, NotFound, Refused
from classifier.identifiers import parse_id
from classifier.models import Image, Review
from classifier.review_presentation import describe_entries
from classifier.review_queue import QueueEntry, take_many
from classifier.reviews import MOST_AT_ONCE, ReviewWish, record_reviews, withdraw_review
from webapp.access import working_user
from webapp.review_page import LABEL_KEYS, describe_place, empty_words, find_elsewhere, guess_share, label_rows
from webapp.review_place import ReviewPlace

SHOWN = 100
_SENTENCES_SHOWN = 10
_LAST = "reviewed_together"


def show_grid(request: HttpRequest, place: ReviewPlace) -> HttpResponse:
    """The most useful ones that wait; what the audit drew is never among them."""
    user = working_user(request)
    ids = take_many(classifier=place.classifier, user=user, count=SHOWN, wish=place.wish)
    items = describe_entries([QueueEntry(image_id, is_blind=False) for image_id in ids])
    labels = list(place.classifier.labels.order_by("position").values_list("name", flat=True))
    context = {
        **describe_place(place),
        "pictures": [{"item": item, "share": guess_share(item)} for item in items],
        "labels": label_rows(labels),
        "has_search": len(labels) > len(LABEL_KEYS),
        "empty_words": "" if items else empty_words(place),
        "elsewhere": [] if items else find_elsewhere(place),
        "undoable": len(request.session.get(_LAST, [])),
        "page_data": {
            "renew_url": reverse("api-v1:renew"),
            "release_url": reverse("api-v1:release"),
            "one_url": place.other_mode,
        },
    }
    return render(request, "review/grid.html", context)


def receive_grid(request: HttpRequest, place: ReviewPlace) -> HttpResponse:
    """Store one label for all that were chosen, or take the last such word back, and say what became of it."""
    try:
        if "undo" in request.POST:
            _undo(request)
        elif "label" in request.POST:
            _store(request)
    except Refused as problem:
        messages.error(request, problem.message)
    return HttpResponseRedirect(place.here, status=HTTPStatus.SEE_OTHER)


def _store(request: HttpRequest) -> None:
    chosen = [pair for text in request.POST.getlist("image") if (pair := _read_chosen(text))]
    if not chosen:
        raise Refused("malformed_request", "Choose pictures first, then their label. Nothing was stored.")
    if len(chosen) > MOST_AT_ONCE:
        raise Refused("malformed_request", f"Choose at most {MOST_AT_ONCE} pictures. Nothing was stored.")
    label = request.POST["label"]
    wish = ReviewWish(Review.Verdict.CORRECT, label, place=Review.Place.GRID)
    recorded, conflicts = record_reviews(images=chosen, user=working_user(request), wish=wish)
    lost = {str(conflict.details.get("image")) for conflict in conflicts}
    request.session[_LAST] = [str(image_id) for image_id, _ in chosen if str(image_id) not in lost]
    messages.success(request, f"{_pictures(recorded)} stored as “{label}”.")
    _say_conflicts(request, conflicts)


def _say_conflicts(request: HttpRequest, conflicts: list[Conflict]) -> None:
    shown = conflicts[:_SENTENCES_SHOWN]
    names = dict(
        Image.objects.filter(id__in=[str(each.details.get("image")) for each in shown]).values_list("id", "name")
    )
    for conflict in shown:
        name = names.get(parse_id(str(conflict.details.get("image"))) or UUID(int=0), "")
        messages.error(request, f"{name}: {conflict.message}" if name else conflict.message)
    if len(conflicts) > len(shown):
        messages.error(request, f"{_pictures(len(conflicts) - len(shown))} more were reviewed by others meanwhile.")


def _undo(request: HttpRequest) -> None:
    user, undone = working_user(request), 0
    for text in request.session.pop(_LAST, []):
        try:
            withdraw_review(image_id=UUID(text), user=user, place=Review.Place.GRID)
            undone += 1
        except (Conflict, NotFound):  # taken back already, or deleted: nothing is left to undo
            continue
    messages.success(request, f"Taken back: your word on {_pictures(undone).lower()}.")


def _read_chosen(text: str) -> tuple[UUID, int] | None:
    """`id:version` as the page sends it."""
    identifier, _, version = text.partition(":")
    image_id = parse_id(identifier)
    return (image_id, int(version)) if image_id and version.isdecimal() else None


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
