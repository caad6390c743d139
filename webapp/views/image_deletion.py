"""`/images/<id>/delete`: asks once more, then deletes the picture everywhere."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.deletions import delete_image
from classifier.errors import NotAllowed, NotFound
from classifier.models import Image, ModelVersion
from webapp.access import deletion_asker, get_deletable_image


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_deletion(request: HttpRequest, image_id: str) -> HttpResponseBase:
    """Show what will go; a POST deletes it and goes to the gallery."""
    try:
        image = get_deletable_image(request, image_id)
        if request.method == "POST":
            return _delete(request, image)
    except NotFound as problem:
        raise Http404(problem.message) from problem
    except NotAllowed:
        return redirect_to_login(request.get_full_path())
    return _ask(request, image)


def _delete(request: HttpRequest, image: Image) -> HttpResponse:
    name = str(image)
    delete_image(image=image, asked_by=deletion_asker(request), reason="Asked on the picture's page.")
    messages.success(request, f"“{name}” is deleted.")
    return HttpResponseRedirect(_next_page(), status=HTTPStatus.SEE_OTHER)


def _ask(request: HttpRequest, image: Image) -> HttpResponse:
    learned = ModelVersion.objects.filter(training_run__reviewed_examples__image=image).distinct().order_by("number")
    context = {
        "image": image,
        "review_count": image.reviews.count(),
        "versions": list(learned.only("id", "number")),
        "reaches_datasets": deletion_asker(request).reaches_datasets,
        "back": _page_of(image),
    }
    return render(request, "image_deletion.html", context)


def _page_of(image: Image) -> str:
    return _address("image", str(image.id)) or _next_page()


def _next_page() -> str:
    return _address("gallery") or reverse("upload")


def _address(name: str, *arguments: str) -> str:
    """Empty where the site has no such page."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
