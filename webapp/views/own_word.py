"""What somebody says of an answer on `/` without scripts: a reviewer's word is a review, others' a suggestion."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from classifier.errors import NotFound, WhatsitError
from classifier.models import Image, Review
from classifier.reviews import ReviewWish, record_review
from classifier.suggestions import suggest_label
from webapp.access import asking_owner, get_image, may_review, owns_image

THANKS = "Thank you: a reviewer will look at it."


@require_POST
def say_label(request: HttpRequest, image_id: str) -> HttpResponse:
    """Store the word and go back to the answers, which the address names."""
    label = request.POST.get("label", "")
    try:
        image = get_image(request, image_id)
        messages.success(request, f"{image.name}: {_store(request, image, label)}")
    except NotFound as problem:
        raise Http404(problem.message) from problem
    except WhatsitError as problem:
        messages.error(request, problem.message)
    shown = urlencode([("image", each) for each in request.GET.getlist("image")])
    return HttpResponseRedirect(f"{reverse('upload')}?{shown}", status=HTTPStatus.SEE_OTHER)


def _store(request: HttpRequest, image: Image, label: str) -> str:
    if may_review(request.user):
        assert isinstance(request.user, User)
        wish = ReviewWish(Review.Verdict.CORRECT, label, place=Review.Place.PAGE)
        record_review(image_id=image.id, user=request.user, wish=wish)
        return f"saved as {label}."
    owner = asking_owner(request)
    if not owns_image(request, image):
        raise NotFound
    suggest_label(image=image, owner_key=owner.key, label_name=label)
    return THANKS
