"""`/training/`: pick pictures, name the run, press, watch. All runs, newest first."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.errors import Refused, WhatsitError
from classifier.models import TrainingRun
from classifier.page_cursors import read_cursor, write_cursor
from classifier.run_lists import list_runs
from classifier.training_runs import UnchangedError
from tasks.training_requests import queue_training
from webapp.access import may_train, work_page, working_user
from webapp.training_choices import TrainingChoices
from webapp.training_form import MORE_SETTINGS, TrainingForm

RUNS_A_PAGE: Final = 20


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@work_page()
def trainings(request: HttpRequest) -> HttpResponse:
    """Show the page, or take the form and go to the new run."""
    choices = TrainingChoices()
    if request.method != "POST":
        form = TrainingForm(choices.classifiers, choices.datasets, initial=choices.initial(request))
        return _show(request, choices, form)
    if not may_train(request.user):
        raise Http404
    form = TrainingForm(choices.classifiers, choices.datasets, data=request.POST)
    if not form.is_valid():
        return _show(request, choices, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        run = _start(request, form)
    except UnchangedError as unchanged:
        return _show(request, choices, form, unchanged=unchanged)
    except WhatsitError as problem:
        form.add_error("classifier", problem.message)
        return _show(request, choices, form, status=problem.status)
    return HttpResponseRedirect(reverse("training", args=[run.pk]), status=HTTPStatus.SEE_OTHER)


def _start(request: HttpRequest, form: TrainingForm) -> TrainingRun:
    return queue_training(
        slug=form.cleaned_data["classifier"],
        options=form.options,
        name=form.cleaned_data["name"],
        source=TrainingRun.Source.PAGE,
        user=working_user(request),
    )


def _show(
    request: HttpRequest,
    choices: TrainingChoices,
    form: TrainingForm,
    *,
    status: int = HTTPStatus.OK,
    unchanged: UnchangedError | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "unchanged": unchanged,
        "is_open": any(form.errors.get(name) or _is_said(form, name) for name in MORE_SETTINGS),
        **choices.context(request, form),
        **_runs_context(request),
    }
    return render(request, "training/list.html", context, status=status)


def _is_said(form: TrainingForm, name: str) -> bool:
    """Has somebody, or an earlier run, given more than the form's own default?"""
    return form[name].value() not in (None, "", form.fields[name].initial)


def _runs_context(request: HttpRequest) -> dict[str, Any]:
    try:
        before = read_cursor(request.GET["cursor"]) if request.GET.get("cursor") else None
    except Refused as problem:
        raise Http404(problem.message) from problem
    runs, last = list_runs(before=before, limit=RUNS_A_PAGE)
    return {
        "runs": runs,
        "is_first_page": before is None,
        "older": write_cursor(last) if last else "",
        "page_data": {
            "live_path": "/ws/results/",
            "runs": [str(listed.run.pk) for listed in runs if listed.is_active],
        },
    }
