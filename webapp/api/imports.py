"""/imports: pictures on their way to become datasets."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field

from classifier.dataset_presentation import describe_import_job
from classifier.errors import Conflict
from classifier.import_jobs import find_import, request_cancel
from classifier.models import ImportJob
from webapp.access import calling_user, may_train
from webapp.api.answers import ClassifierPageWish, json_answer, one_of, read_rows
from webapp.api.schemas_of_classifiers import ImportOut, ImportPageOut

router = Router(tags=["datasets"])
JobId = Annotated[str, Path(description="An import's id")]


class ImportsWish(ClassifierPageWish):
    state: Annotated[str | None, Field(pattern=one_of(ImportJob.State.values))] = None


@router.get("/imports", response={200: ImportPageOut}, summary="Imports, newest first")
def list_imports(request: HttpRequest, wish: Query[ImportsWish]) -> HttpResponse:
    """A classifier that an import is about to make need not exist yet."""
    calling_user(request)
    rows = ImportJob.objects.all()
    if wish.classifier:
        rows = rows.filter(classifier_slug=wish.classifier)
    if wish.state:
        rows = rows.filter(state=wish.state)
    found, cursor = read_rows(rows, wish)
    return json_answer({"imports": [describe_import_job(job) for job in found], "next_cursor": cursor})


@router.get("/imports/{import_id}", response={200: ImportOut}, summary="How far an import is")
def read_import(request: HttpRequest, import_id: JobId) -> HttpResponse:
    """Ask again every few seconds until its state is done, failed or cancelled."""
    calling_user(request)
    return json_answer(describe_import_job(find_import(import_id)))


@router.post("/imports/{import_id}/cancel", response={200: ImportOut}, summary="Stop an import")
def cancel_import(request: HttpRequest, import_id: JobId) -> HttpResponse:
    """One that waits ends at once, one under way within a second; nothing of it is kept. 409 where it has ended."""
    calling_user(request, may_train)
    job = find_import(import_id)
    if not request_cancel(job):
        raise Conflict(f"The import “{job.name}” has ended already.", state=job.state)
    return json_answer(describe_import_job(find_import(import_id)))
