"""`/review/`: one picture after the other. Its scripts talk to the API; the form works without them."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.errors import Conflict, NotFound, Refused, WhatsitError
from classifier.identifiers import parse_id
from classifier.models import Classifier, Review
from classifier.review_presentation import ReviewItem, describe_entries
from classifier.review_queue import release_all, take_entries, take_image
from classifier.reviews import ReviewWish, record_review, withdraw_review
from webapp.access import may_review, work_page, working_user
from webapp.review_page import describe_one
from webapp.review_place import ReviewPlace, read_place
from webapp.views.review_grid import receive_grid, show_grid


@require_http_methods(["GET", "POST"])
@never_cache
@work_page(may_review)
def review(request: HttpRequest) -> HttpResponse:
    """Show what is to be reviewed next, or store what was said and go on."""
    if not request.GET.get("classifier") and not Classifier.objects.exists():
        return render(request, "review/nothing.html")
    place = read_place(request.GET)
    if place.trouble and request.method == "GET":
        messages.error(request, place.trouble)
    if place.is_grid:
        return receive_grid(request, place) if request.method == "POST" else show_grid(request, place)
    return _receive(request, place) if request.method == "POST" else _show(request, place)


def _show(request: HttpRequest, place: ReviewPlace) -> HttpResponse:
    context = describe_one(place, _choose(request, place), user=working_user(request))
    return render(request, "review/one.html", {**context, "last": request.GET.get("last", "")})


def _choose(request: HttpRequest, place: ReviewPlace) -> ReviewItem | None:
    """The picture that the address names, else the next one."""
    user, wished = working_user(request), parse_id(request.GET.get("image", ""))
    release_all(user=user)  # a page that is loaded again begins anew
    if wished is not None:
        try:
            found = describe_entries([take_image(image_id=wished, user=user)])
        except Conflict as problem:
            messages.error(request, problem.message)
        else:
            return found[0] if found else None
    items = describe_entries(take_entries(classifier=place.classifier, user=user, count=1, wish=place.wish))
    return items[0] if items else None


def _receive(request: HttpRequest, place: ReviewPlace) -> HttpResponse:
    """Store one word. What could not be stored brings the picture back with the reason."""
    undone = request.POST.get("undo", "")
    image_id = parse_id(undone or request.POST.get("image", ""))
    if image_id is None:
        raise NotFound
    user, shown = working_user(request), str(image_id)
    try:
        if undone:
            withdraw_review(image_id=image_id, user=user, place=Review.Place.QUEUE)
        else:
            record_review(image_id=image_id, user=user, wish=_read_wish(request))
    except NotFound:
        messages.error(request, "This picture was deleted meanwhile.")
        return _go(place.here)
    except WhatsitError as problem:
        messages.error(request, problem.message)
        return _go(place.address(image=shown))
    return _go(place.address(image=shown) if undone else place.address(last=shown))


def _read_wish(request: HttpRequest) -> ReviewWish:
    form = request.POST
    version = form.get("version", "")
    if not version.isdecimal():
        raise Refused("malformed_request", "The page was sent without the picture's version. Look again.")
    label = form.get("label") or None
    verdict = form.get("verdict", "") if label is None else Review.Verdict.CORRECT
    confirmed = form.get("guess") or None if verdict == Review.Verdict.CONFIRM else None
    is_blind = form.get("blind") == "1"
    if is_blind and verdict == Review.Verdict.CONFIRM:
        raise Refused("malformed_request", "Choose the label yourself: this picture is shown without a guess.")
    return ReviewWish(verdict, label or confirmed, int(version), is_blind, place=Review.Place.QUEUE)


def _go(address: str) -> HttpResponse:
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)
