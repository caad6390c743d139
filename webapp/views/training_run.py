"""`/training/<id>/`: one run as it happens, its report when it has ended, and the button that stops it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.models import TrainingRun
from classifier.run_lists import ACTIVE_STATES
from classifier.run_presentation import describe_run, presentable, version_of
from classifier.run_sentences import about
from classifier.training_readiness import training_warnings, why_not_trainable
from classifier.training_runs import find_run, request_cancel
from webapp.access import may_train, work_page
from webapp.run_page import describe_data, describe_report, describe_settings

NOT_YOURS: Final = "Only people who may start trainings can cancel one."
STOPPING: Final = "It is stopping already."


@require_safe
@never_cache
@work_page()
def training(request: HttpRequest, run_id: str) -> HttpResponse:
    """Everything is rebuilt from the row; the scripts only bring what is newer."""
    run = presentable(TrainingRun.objects.all()).get(pk=find_run(run_id).pk)
    version, described = version_of(run), describe_run(run)
    is_active = run.state in ACTIVE_STATES
    context = {
        "run": run,
        "described": described,
        "took": about((run.ended_at - run.started_at).total_seconds()) if run.ended_at and run.started_at else "",
        "is_active": is_active,
        "is_queued": run.state == TrainingRun.State.QUEUED,
        "warnings": training_warnings(run.classifier) if is_active else [],
        "cancel_hindrance": _why_no_cancel(request, run),
        "again_hindrance": "" if is_active else why_not_trainable(run.classifier),
        "data": describe_data(run),
        "settings": describe_settings(run, version),
        "report": describe_report(version),
        "page_data": {"live_path": "/ws/results/", "run": described},
    }
    return render(request, "training/run.html", context)


def _why_no_cancel(request: HttpRequest, run: TrainingRun) -> str:
    if not may_train(request.user):
        return NOT_YOURS
    return STOPPING if run.cancel_requested else ""


@require_POST
@work_page(may_train)
def cancel_training(request: HttpRequest, run_id: str) -> HttpResponse:
    """A queued run ends at once, a running one at its next step."""
    run = find_run(run_id)
    if not request_cancel(run):
        messages.info(request, "This run has ended already; there was nothing to cancel.")
    return HttpResponseRedirect(reverse("training", args=[run.pk]), status=HTTPStatus.SEE_OTHER)
