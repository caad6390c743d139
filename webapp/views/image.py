"""`/images/<id>/`: one picture with its answers, why, what people said, and what it taught."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.errors import Conflict, NotFound, Refused
from classifier.explanations import request_explanation
from classifier.models import Explanation, Image, Prediction, Review
from classifier.prediction_requests import request_prediction
from classifier.reviews import ReviewWish, record_review, withdraw_review
from classifier.suggestions import suggest_label
from classifier.uploads import find_version
from webapp.access import asking_owner, get_image, may_decide, may_review, may_see_work, owns_image, working_user
from webapp.image_page import describe_image_page
from webapp.image_pages import images_page

THANKS = "Thank you. A reviewer will look at your suggestion."


@require_safe
@never_cache
@images_page
def image(request: HttpRequest, image_id: str) -> HttpResponse:
    """`?why=1` shows the heat map, for browsers without scripts too."""
    shown = get_image(request, image_id)
    context = describe_image_page(request, shown)
    why = _explain(shown) if request.GET.get("why") and context["answer"] else None
    context |= {
        "why": why,
        "page_data": {
            "live_path": "/ws/results/",
            "image": str(shown.id),
            "version": shown.version,
        },
    }
    return render(request, "image/image.html", context)


@require_POST
@images_page
def review_image(request: HttpRequest, image_id: str) -> HttpResponse:
    """A reviewer's word, or the suggestion of whoever sent the picture."""
    shown = get_image(request, image_id)
    try:
        if may_review(request.user):
            _review(request, shown)
        else:
            _suggest(request, shown)
            messages.success(request, THANKS)
    except (Conflict, Refused) as problem:
        messages.error(request, problem.message)
    return _back(shown)


@require_POST
@images_page
def ask_image(request: HttpRequest, image_id: str) -> HttpResponse:
    """Ask the live version again, or another one where the asker may see versions."""
    shown = get_image(request, image_id)
    wished = request.POST.get("model") if may_see_work(request.user) else None
    try:
        version = find_version(shown.classifier, wished or None)
        request_prediction(image=shown, wished_version=version, priority=Prediction.PERSON_WAITS)
    except (Conflict, Refused) as problem:
        messages.error(request, problem.message)
    return _back(shown)


def _review(request: HttpRequest, shown: Image) -> None:
    user, verdict = working_user(request), request.POST.get("verdict", "")
    if verdict == Review.Verdict.WITHDRAW:
        withdraw_review(image_id=shown.id, user=user)
        return
    seen = request.POST.get("version", "")
    wish = ReviewWish(
        verdict,
        request.POST.get("label") or None,
        int(seen) if seen.isdecimal() and len(seen) <= 18 else None,
        decides=bool(request.POST.get("decides")) and may_decide(request.user),
    )
    record_review(image_id=shown.id, user=user, wish=wish)


def _suggest(request: HttpRequest, shown: Image) -> None:
    owner = asking_owner(request)
    if not owns_image(request, shown):
        raise NotFound
    label = request.POST.get("label", "")
    if not label:
        raise Refused("malformed_request", "Choose the right label first.")
    suggest_label(image=shown, owner_key=owner.key, label_name=label)


def _explain(shown: Image) -> Explanation | None:
    current = shown.current_prediction
    if current is None or current.model_version is None:
        return None
    return request_explanation(image=shown, version=current.model_version)


def _back(shown: Image) -> HttpResponse:
    return HttpResponseRedirect(reverse("image", args=[shown.id]), status=HTTPStatus.SEE_OTHER)
