"""`/classifiers/<slug>/schedule`: takes the form of a classifier's page; shows it alone where something is wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from classifier.classifiers import find_classifier
from classifier.models import Classifier
from classifier.training_schedule import describe_schedule
from webapp.access import may_edit_classifier, work_page
from webapp.schedule_form import ScheduleForm


def describe_schedule_section(request: HttpRequest, classifier: Classifier) -> dict[str, Any]:
    """What `classifier/schedule.html` needs besides `classifier`."""
    return _section(classifier, ScheduleForm(classifier, may_edit=may_edit_classifier(request.user)))


@require_http_methods(["GET", "HEAD", "POST"])
@work_page(may_edit_classifier)
def schedule(request: HttpRequest, slug: str) -> HttpResponse:
    """Store and go back to the classifier's page, or show the form with what is wrong at its fields."""
    classifier = find_classifier(slug)
    if request.method != "POST":
        return _show(request, ScheduleForm(classifier))
    form = ScheduleForm(classifier, request.POST)
    if not form.is_valid():
        return _show(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    messages.success(request, f"Saved. {describe_schedule(form.store())}")
    return HttpResponseRedirect(reverse("classifier", args=[slug]), status=HTTPStatus.SEE_OTHER)


def _show(request: HttpRequest, form: ScheduleForm, *, status: int = HTTPStatus.OK) -> HttpResponse:
    context = {"classifier": form.classifier, **_section(form.classifier, form)}
    return render(request, "classifier/schedule_page.html", context, status=status)


def _section(classifier: Classifier, form: ScheduleForm) -> dict[str, Any]:
    return {"schedule_form": form, "schedule_sentence": describe_schedule(classifier)}
