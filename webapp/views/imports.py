"""Imports on the web: parts of an upload come in, a form starts the import, a script asks how it is, a button stops it.

The pages' scripts send an upload in parts; without scripts one request brings the whole ZIP, within REQUEST_MAX_MB.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from classifier.classifier_editing import clean_classifier_name, slug_of_new_classifier
from classifier.classifiers import find_classifier
from classifier.errors import Refused, WhatsitError
from classifier.image_names import clean_name
from classifier.import_jobs import describe_import, find_import, request_cancel, request_import, suggest_dataset_name
from classifier.import_places import check_place
from classifier.import_uploads import close_upload, remove_upload, store_part, store_stream
from classifier.models import ImportJob
from webapp.access import may_see_work, may_train, work_page, working_user

_NOTHING_CHOSEN = "Choose a folder or a ZIP file of pictures, or name a storage URL."


@require_http_methods(["PUT"])
@work_page(may_train)
def import_part(request: HttpRequest, upload: UUID, number: int) -> HttpResponse:
    """One part of an upload, as the body."""
    # Not `request.body`: Django's limit for bodies in memory is that of forms.
    try:
        store_part(
            user=working_user(request), upload=upload, number=number, data=request.read(settings.IMPORT_PART_BYTES + 1)
        )
    except WhatsitError as problem:
        return _say_problem(problem)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@require_POST
@work_page(may_train)
def start_import(request: HttpRequest) -> HttpResponse:
    """Queue an import, then show the classifier's page, where its progress is."""
    try:
        job = _request_import(request)
    except WhatsitError as problem:
        if _wants_json(request):
            return _say_problem(problem)
        messages.error(request, problem.message)
        return HttpResponseRedirect(_page_before(request), status=HTTPStatus.SEE_OTHER)
    address = reverse("classifier", args=[job.classifier_slug])
    if _wants_json(request):
        return JsonResponse({"job": str(job.id), "address": address}, status=HTTPStatus.CREATED)
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)


@require_GET
@never_cache
@work_page(may_see_work)
def import_state(request: HttpRequest, job_id: str) -> HttpResponse:
    """How far an import is, for a page whose socket is away."""
    return JsonResponse(describe_import(find_import(job_id)))


@require_POST
@work_page(may_train)
def cancel_import(request: HttpRequest, job_id: str) -> HttpResponse:
    """Stop an import; one that has ended stays as it is."""
    job = find_import(job_id)
    if not request_cancel(job):
        messages.error(request, f"The import “{job.name}” has ended already.")
    return HttpResponseRedirect(reverse("classifier", args=[job.classifier_slug]), status=HTTPStatus.SEE_OTHER)


def _request_import(request: HttpRequest) -> ImportJob:
    form = request.POST
    slug, new_name = _read_classifier(request)
    place = form.get("place", "").strip()
    user = working_user(request)
    if place:
        place = check_place(place)
    storage_key, file_name = ("", "") if place else _take_upload(request)
    name = form.get("name", "").strip() or suggest_dataset_name(
        classifier_slug=slug, source=place or form.get("folder", "") or file_name
    )
    try:
        return request_import(
            classifier_slug=slug,
            classifier_name=new_name,
            name=name,
            user=user,
            place=place,
            storage_key=storage_key,
            file_name=file_name,
        )
    except BaseException:
        if storage_key and not form.get("upload"):
            remove_upload(storage_key)  # what the script sent it may name again; a plain form sends it again
        raise


def _read_classifier(request: HttpRequest) -> tuple[str, str]:
    """The slug, and the name of a classifier to be made."""
    slug = request.POST.get("classifier", "")
    if slug:
        return find_classifier(slug).slug, ""
    name = clean_classifier_name(request.POST.get("classifier_name", ""))
    return slug_of_new_classifier(name), name


def _take_upload(request: HttpRequest) -> tuple[str, str]:
    """The folder of the stored parts, and the ZIP's name."""
    user = working_user(request)
    if upload := request.POST.get("upload"):
        try:
            identifier, size_bytes = UUID(upload), int(request.POST.get("size", ""))
        except ValueError as problem:
            raise Refused("malformed_request", _NOTHING_CHOSEN) from problem
        folder = close_upload(user=user, upload=identifier, size_bytes=size_bytes)
        return folder, clean_name(request.POST.get("file_name", ""))
    archive = request.FILES.get("archive")
    if archive is None or not archive.name:
        raise Refused("malformed_request", _NOTHING_CHOSEN)
    return store_stream(user=user, stream=archive), clean_name(archive.name)


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _page_before(request: HttpRequest) -> str:
    slug = request.POST.get("classifier", "")
    try:
        return reverse("classifier", args=[slug]) if slug else reverse("classifiers")
    except NoReverseMatch:
        return reverse("classifiers")


def _say_problem(problem: WhatsitError) -> JsonResponse:
    body = {"error": {"code": problem.code, "message": problem.message, "details": problem.details}}
    return JsonResponse(body, status=problem.status)
