"""`/classifiers/` and `/classifiers/<slug>/`: what there is, what it learned from, what answers; small changes."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from classifier.classifier_editing import rename_classifier, set_mirroring, set_target_precision
from classifier.classifiers import add_label, find_classifier
from classifier.errors import NotFound, Refused, WhatsitError
from classifier.import_jobs import active_imports
from classifier.models import ImportJob
from webapp.access import may_edit_classifier, may_see_work, may_train, work_page
from webapp.views.classifier_context import (
    describe_classifier_page,
    describe_imports,
    import_page_data,
    list_classifiers,
)


@require_safe
@cache_control(private=True, no_cache=True)
@work_page(may_see_work)
def classifiers(request: HttpRequest) -> HttpResponse:
    """All of them, and the form that makes another one."""
    listed = list_classifiers()
    known = {entry.classifier.slug for entry in listed}
    arriving = [job for job in active_imports() if job.classifier_slug not in known]
    context = {
        "listed": listed,
        "arriving": describe_imports(arriving),
        "may_train": may_train(request.user),
        "page_data": import_page_data(),
    }
    return render(request, "classifiers.html", context)


@require_safe
@cache_control(private=True, no_cache=True)
@work_page(may_see_work)
def classifier(request: HttpRequest, slug: str) -> HttpResponse:
    """One classifier; or, while its first import is under way, how far that is."""
    try:
        found = find_classifier(slug)
    except NotFound:
        return _show_arriving(request, slug)
    return render(request, "classifier.html", describe_classifier_page(request, found))


@require_POST
@work_page(may_edit_classifier)
def edit_classifier(request: HttpRequest, slug: str) -> HttpResponse:
    """Store what the page's forms send: each has fields of its own."""
    found = find_classifier(slug)
    form = request.POST
    try:
        if "name" in form:
            rename_classifier(found, name=form["name"])
            set_mirroring(found, left_right_differ=form.get("left_right_differ") == "on")
            messages.success(request, "Saved.")
        if "new_label" in form:
            label = add_label(found, name=form["new_label"])
            messages.success(request, f"Added “{label.name}”. The model can answer it after the next training.")
        if "target_percent" in form:
            set_target_precision(found, target=_read_percent(form["target_percent"]))
            messages.success(request, "Saved. It counts from the next training on.")
    except WhatsitError as problem:
        messages.error(request, problem.message)
    return HttpResponseRedirect(reverse("classifier", args=[slug]), status=HTTPStatus.SEE_OTHER)


def _show_arriving(request: HttpRequest, slug: str) -> HttpResponse:
    jobs = list(ImportJob.objects.filter(classifier_slug=slug).select_related("dataset", "requested_by")[:10])
    if not jobs:
        raise NotFound
    context = {
        "slug": slug,
        "name": jobs[0].classifier_name or slug,
        "imports": describe_imports(jobs),
        "may_train": may_train(request.user),
        "page_data": import_page_data(),
    }
    return render(request, "classifier_arriving.html", context)


def _read_percent(text: str) -> float:
    try:
        return float(text) / 100
    except ValueError as problem:
        raise Refused("malformed_request", "The wished precision is a number of percent, such as 90.") from problem
