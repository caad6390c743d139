"""`/models/<id>/`: one version, what was measured of it, the pictures behind its mistakes, and letting it answer."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.errors import Conflict, NotFound, WhatsitError
from classifier.evaluation_requests import request_evaluation
from classifier.model_registry import roll_back
from classifier.models import ModelVersion
from classifier.picture_packs import read_pack_index, read_pack_picture
from classifier.promotion_requests import request_promotion
from classifier.version_report import count_cell, describe_cell, find_version, label_names, pack_mark
from webapp.access import may_promote, may_train, work_page, working_user
from webapp.model_page import describe_model_page, show_pictures
from webapp.picture_answers import answer_picture


@require_safe
@never_cache
@work_page()
def model(request: HttpRequest, version_id: str) -> HttpResponse:
    """The version; `?with=<id>` chooses what it is compared with."""
    version = find_version(version_id)
    return render(request, "models/model.html", describe_model_page(request, version, request.GET.get("with", "")))


@require_safe
@never_cache
@work_page()
def model_cell(request: HttpRequest, version_id: str, truth: int, answer: int) -> HttpResponse:
    """The pictures of one field of the confusion table."""
    version = find_version(version_id)
    count = count_cell(version, truth, answer)
    names = label_names(version)
    key = version.evaluation.get("pack", "")
    pictures = show_pictures(version, f"{truth}/{answer}", read_pack_index(key))
    context = {
        "version": version,
        "title": describe_cell(names, truth, answer),
        "count": max(count, len(pictures)),
        "pictures": pictures,
        "is_right": truth == answer,
        "mirrored": (answer, truth) if truth != answer and count_cell(version, answer, truth) else None,
        "mirrored_words": describe_cell(names, answer, truth),
    }
    return render(request, "models/cell.html", context)


@require_safe
@work_page()
def model_picture(request: HttpRequest, version_id: str, pack: str, folder: str, number: int) -> HttpResponse:
    """One small picture of the version's pack; `pack` is the mark of the present one, so it lasts in browsers."""
    version = find_version(version_id)
    if pack != pack_mark(version):
        raise NotFound("These pictures were replaced when the version was measured again.")
    return answer_picture(read_pack_picture(version.evaluation["pack"], f"{folder}/{number}.png"))


@require_POST
@work_page(may_promote)
def promote_model(request: HttpRequest, version_id: str) -> HttpResponse:
    """Ask a worker to try the version and let it answer."""
    version = find_version(version_id)
    try:
        request_promotion(version=version, user=working_user(request), reason="promoted on its page")
    except WhatsitError as problem:
        messages.error(request, problem.message)
    return _back_to(version)


@require_POST
@work_page(may_promote)
def roll_back_model(request: HttpRequest, version_id: str) -> HttpResponse:
    """Let the version answer again that this live one replaced, and show that one."""
    version = find_version(version_id)
    classifier = version.classifier
    try:
        if classifier.live_version_id != version.id:
            raise Conflict(f"{version} is not live any more, so nothing was rolled back. Look again.")
        before = roll_back(classifier=classifier, user=working_user(request))
    except WhatsitError as problem:
        messages.error(request, problem.message)
        return _back_to(version)
    messages.success(request, f"{classifier.name} is back at {before}.")
    return _back_to(before)


@require_POST
@work_page(may_train)
def evaluate_model(request: HttpRequest, version_id: str) -> HttpResponse:
    """Ask a train worker to measure the version on the holdout as it is now."""
    version = find_version(version_id)
    try:
        request_evaluation(version=version, user=working_user(request))
    except WhatsitError as problem:
        messages.error(request, problem.message)
    return _back_to(version)


def _back_to(version: ModelVersion) -> HttpResponse:
    return HttpResponseRedirect(reverse("model", args=[version.id]), status=HTTPStatus.SEE_OTHER)
