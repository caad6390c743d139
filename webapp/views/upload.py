"""`/`: the upload page. Its scripts talk to the API; the plain form is for browsers without scripts."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from classifier.errors import NotAllowed, Refused, WhatsitError
from classifier.models import Classifier, Image, Prediction
from classifier.upload_requests import NothingAccepted, RefusedFile, UploadAnswer
from classifier.uploads import accept_upload
from webapp import metrics
from webapp.access import asking_owner
from webapp.api.errors import say_when_to_return
from webapp.own_words import read_newest_words
from webapp.rate_limits import charge_call
from webapp.sent_files import sent_file
from webapp.views.sent_images import describe_sent_images

_SENTENCES_SHOWN = 10


@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Show the page, or take the plain form's pictures and show where their answers will be."""
    if request.method == "POST":
        return _receive(request)
    return _show(request)


def _show(request: HttpRequest, *, status: int = 200) -> HttpResponse:
    classifiers = list(Classifier.objects.order_by("-is_default", "created_at").prefetch_related("labels"))
    labels = {entry.slug: [label.name for label in entry.labels.all()] for entry in classifiers}
    sent_images = describe_sent_images(request, request.GET.getlist("image"), labels)
    may_upload = _may_upload(request)
    context = {
        "classifiers": classifiers,
        "may_upload": may_upload,
        "can_send": may_upload and bool(classifiers),
        "login_address": f"{settings.LOGIN_URL}?{urlencode({'next': request.path})}",
        "upload_max_megabytes": settings.UPLOAD_MAX_BYTES // 1_000_000,
        "sent_images": sent_images,
        "is_waiting": any(image["is_waiting"] for image in sent_images),
        "page_data": {**_page_data(classifiers), "said": read_newest_words(request)},
    }
    return render(request, "upload.html", context, status=status)


def _may_upload(request: HttpRequest) -> bool:
    """Asking also gives a new visitor the cookie that the live socket reads."""
    try:
        asking_owner(request)
    except NotAllowed:
        return False
    return True


def _page_data(classifiers: list[Classifier]) -> dict[str, object]:
    """What the scripts need to know; see `page-data.js`."""
    return {
        "classifiers": [
            {"slug": entry.slug, "name": entry.name, "labels": [label.name for label in entry.labels.all()]}
            for entry in classifiers
        ],
        "upload_max_bytes": settings.UPLOAD_MAX_BYTES,
        "images_url": reverse("api-v1:send_images"),
        "live_path": "/ws/results/",
        "shrink_worker_url": static("whatsit/js/shrink-worker.js"),
    }


def _receive(request: HttpRequest) -> HttpResponse:
    try:
        answer = _accept(request)
    except WhatsitError as problem:
        metrics.count_refusal(problem)
        _say_refusals(request, problem.rejected if isinstance(problem, NothingAccepted) else [], problem.message)
        page = _show(request, status=problem.status)
        say_when_to_return(page, problem)
        return page
    metrics.count_upload(answer)
    _say_refusals(request, answer.rejected)
    address = urlencode([("image", str(image.id)) for image in dict.fromkeys(answer.images)])
    return HttpResponseRedirect(f"{request.path}?{address}", status=HTTPStatus.SEE_OTHER)


def _accept(request: HttpRequest) -> UploadAnswer:
    parts = request.FILES.getlist("file")
    if not parts:
        raise Refused("malformed_request", "Choose at least one picture first.")
    owner = asking_owner(request)
    charge_call(request, owner, pictures=len(parts))
    return accept_upload(
        files=[sent_file(part) for part in parts],
        owner=owner,
        source=Image.Source.PAGE,
        priority=Prediction.PERSON_WAITS,
        classifier_slug=request.POST.get("classifier") or None,
    )


def _say_refusals(request: HttpRequest, rejected: list[RefusedFile], otherwise: str = "") -> None:
    for entry in rejected[:_SENTENCES_SHOWN]:
        messages.error(request, f"{entry.name}: {entry.message}")
    if len(rejected) > _SENTENCES_SHOWN:
        messages.error(request, f"{len(rejected) - _SENTENCES_SHOWN} more files were refused.")
    if not rejected and otherwise:
        messages.error(request, otherwise)
