"""`/images/`: everybody's pictures, or one's own; label many at once, take them home."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.classifiers import find_classifier
from classifier.errors import Refused, WhatsitError
from classifier.identifiers import parse_id
from classifier.models import Image, Review
from classifier.reviews import MOST_AT_ONCE, ReviewWish, record_reviews
from webapp.access import may_review, may_see_all_images, visible_images, work_page, working_user
from webapp.gallery_page import describe_filters, describe_page, describe_tile
from webapp.image_exports import EXPORTS, PAGE, walk_pages
from webapp.image_lists import ImagePage, ImageWish, read_page, read_wish
from webapp.image_pages import images_page

TILES: Final = 48


@require_safe
@never_cache
@images_page
def gallery(request: HttpRequest) -> HttpResponse:
    """A page of tiles; with `part=tiles` only those, for the script that appends them."""
    try:
        wish = read_wish(request.GET)
        page = _read(request, wish, request.GET.get("cursor", ""), TILES)
    except Refused as problem:
        messages.error(request, problem.message)
        return HttpResponseRedirect(reverse("gallery"), status=HTTPStatus.SEE_OTHER)
    context = describe_page(page, wish)
    if request.GET.get("part") == "tiles":
        return render(request, "gallery/tiles.html", context)
    context |= {
        "wish": wish,
        "query": urlencode(wish.as_query()),
        "is_first": not request.GET.get("cursor"),
        "most_at_once": MOST_AT_ONCE,
        **describe_filters(request, wish),
    }
    return render(request, "gallery/gallery.html", context)


@require_POST
@work_page(may_review)
def label_images(request: HttpRequest) -> HttpResponse:
    """One label for all that were selected. To the page's script: the sentence, and the tiles as they are now."""
    try:
        chosen = _read_selection(request)
        sentence = _label(request, chosen)
    except WhatsitError as problem:
        return _say(request, problem.message, [], status=problem.status)
    return _say(request, sentence, [image_id for image_id, _ in chosen], status=HTTPStatus.OK)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@images_page
def export_images(request: HttpRequest) -> HttpResponseBase:
    """GET: everything the filters leave; POST: what was selected, or everything with `all`."""
    kind = request.POST.get("format") or request.GET.get("format") or "csv"
    if kind not in EXPORTS:
        return _go_back(request, "Choose CSV, JSON or ZIP.")
    try:
        if request.method == "POST" and not request.POST.get("all"):
            images: Iterable[Image] = _selected_images(request)
        else:
            wish = read_wish(request.GET)
            _read(request, wish, "", 1)  # a wrong filter is said before the answer begins
            images = walk_pages(lambda cursor: _read(request, wish, cursor, PAGE))
    except WhatsitError as problem:
        return _go_back(request, problem.message)
    content_type, export = EXPORTS[kind]
    answer = StreamingHttpResponse(export(images), content_type=content_type)
    moment = timezone.now().strftime("%Y-%m-%d-%H%M")
    answer["Content-Disposition"] = f'attachment; filename="pictures-{moment}.{kind}"'
    return answer


def _read(request: HttpRequest, wish: ImageWish, cursor: str, limit: int) -> ImagePage:
    images = visible_images(request)
    return read_page(images, wish, are_all=may_see_all_images(request.user), cursor=cursor, limit=limit)


def _read_selection(request: HttpRequest) -> list[tuple[UUID, int]]:
    """(id, version seen) of each checked tile, once. Raises Refused."""
    chosen: dict[UUID, int] = {}
    for text in request.POST.getlist("image"):
        key, _, version = text.partition(":")
        identifier = parse_id(key)
        if identifier is None or not version.isdecimal() or len(version) > 18:
            raise Refused("malformed_request", "The selection could not be read. Reload the page and select again.")
        chosen[identifier] = int(version)
    if not chosen:
        raise Refused("malformed_request", "Select at least one picture first.")
    if len(chosen) > MOST_AT_ONCE:
        raise Refused("malformed_request", f"Select at most {MOST_AT_ONCE} pictures at once.")
    return list(chosen.items())


def _label(request: HttpRequest, chosen: list[tuple[UUID, int]]) -> str:
    """Record, and the sentence about it. Raises Refused, NotFound."""
    classifier, label = find_classifier(request.POST.get("classifier")), request.POST.get("label", "")
    if not label:
        raise Refused("malformed_request", "Choose the label first.")
    others = visible_images(request).filter(id__in=[key for key, _ in chosen]).exclude(classifier=classifier)
    if others.exists():
        raise Refused(
            "malformed_request", f"Some of these pictures are not of {classifier.name}. Narrow to one classifier first."
        )
    wish = ReviewWish(Review.Verdict.CORRECT, label, place=Review.Place.GRID)
    recorded, conflicts = record_reviews(images=chosen, user=working_user(request), wish=wish)
    sentence = f"{recorded} picture{'' if recorded == 1 else 's'} labelled “{label}”."
    if not conflicts:
        return sentence
    reasons = list(dict.fromkeys(conflict.message for conflict in conflicts))
    return f"{sentence} {len(conflicts)} not: {reasons[0]}"


def _selected_images(request: HttpRequest) -> list[Image]:
    ids = [image_id for image_id, _ in _read_selection(request)]
    rows = visible_images(request).filter(id__in=ids)
    return list(rows.select_related("classifier", "current_prediction", "settled_label").order_by("-id"))


def _say(request: HttpRequest, sentence: str, ids: list[UUID], *, status: int) -> HttpResponse:
    if "application/json" not in request.headers.get("Accept", ""):
        return _go_back(request, sentence)
    rows = visible_images(request).filter(id__in=ids)
    images = rows.select_related("classifier", "current_prediction", "settled_label").order_by("-id")
    tiles = [describe_tile(image) for image in images]
    html = render_to_string("gallery/tiles.html", {"tiles": tiles}, request)
    return JsonResponse({"message": sentence, "tiles": html}, status=status)


def _go_back(request: HttpRequest, sentence: str) -> HttpResponse:
    """To the gallery with the same filters and the sentence on top."""
    messages.info(request, sentence)
    try:
        query = urlencode(read_wish(request.GET).as_query())
    except Refused:
        query = ""
    return HttpResponseRedirect(f"{reverse('gallery')}?{query}", status=HTTPStatus.SEE_OTHER)
