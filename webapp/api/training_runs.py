"""/training-runs: trainings as they happen and happened; starting and stopping one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field

from classifier.classifiers import find_classifier
from classifier.errors import Conflict, Refused
from classifier.models import TrainingRun
from classifier.page_cursors import read_cursor, write_cursor
from classifier.run_lists import list_runs
from classifier.run_presentation import presentable
from classifier.run_reports import describe_run_report, list_run
from classifier.training_runs import find_run, request_cancel
from tasks.training_options import read_options
from tasks.training_requests import queue_training
from webapp.access import calling_user, may_train
from webapp.api.answers import ClassifierPageWish, IdempotencyKey, StrictSchema, act_once, json_answer, one_of
from webapp.api.schemas_of_models import RunOut, RunPageOut

router = Router(tags=["training runs"])
ADDRESS: Final = "/api/v1/training-runs/"
RunId = Annotated[str, Path(description="A training run's id")]


class RunsWish(ClassifierPageWish):
    state: Annotated[str | None, Field(pattern=one_of(TrainingRun.State.values))] = None


class RunIn(StrictSchema):
    """Only the classifier must be named; what else is left out is as suits the data. `datasets` are names or ids,
    none for all. `promote`: `auto` lets the new version go live if the gate allows it, `never` keeps it a candidate.
    `policy` and `margin` are the gate's, for this run only. `settings` are further ones, by the names of
    docs/training.md."""

    classifier: Annotated[str, Field(min_length=1, max_length=60)]
    name: Annotated[str, Field(max_length=120)] = ""
    datasets: Annotated[list[str], Field(max_length=1000)] = []
    recipe: Literal["auto", "small", "transfer"] = "auto"
    backbone: str | None = None
    image_size: Annotated[int | None, Field(ge=8, le=1024)] = None
    epochs: Annotated[int | None, Field(ge=1, le=10_000)] = None
    batch_size: Annotated[int | None, Field(ge=1, le=65_536)] = None
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] = 0
    promote: Literal["auto", "never"] = "auto"
    policy: Literal["no_harm", "better", "not_worse"] | None = None
    margin: Annotated[float | None, Field(gt=0, lt=0.5)] = None
    settings: dict[str, bool | int | float | str | list[int]] = {}


@router.get("/training-runs", response={200: RunPageOut}, summary="Training runs, newest first")
def list_training_runs(request: HttpRequest, wish: Query[RunsWish]) -> HttpResponse:
    """Of all classifiers, or of one; in all states, or in one."""
    calling_user(request)
    runs, last = list_runs(
        before=read_cursor(wish.cursor) if wish.cursor else None,
        limit=wish.limit,
        classifier=find_classifier(wish.classifier) if wish.classifier else None,
        state=wish.state or "",
    )
    cursor = write_cursor(last) if last else None
    return json_answer({"training_runs": [list_run(listed) for listed in runs], "next_cursor": cursor})


@router.get("/training-runs/{run_id}", response={200: RunOut}, summary="One training run")
def read_training_run(request: HttpRequest, run_id: RunId) -> HttpResponse:
    """With its data, settings, curves, log and, once it has made a version, the gate's verdict."""
    calling_user(request)
    return json_answer(_describe(find_run(run_id)))


@router.post("/training-runs", response={202: RunOut}, summary="Start a training")
def start_training_run(request: HttpRequest, body: RunIn, idempotency_key: IdempotencyKey = None) -> HttpResponse:
    """A train worker takes it; `Location` tells how it gets on. 409 while this classifier is in training, and where
    the same data and settings were trained before."""
    user = calling_user(request, may_train)

    def act() -> dict[str, Any]:
        run = queue_training(
            slug=body.classifier,
            options=read_options(_options(body)),
            name=" ".join(body.name.split()),
            source=TrainingRun.Source.API,
            user=user,
        )
        return _describe(run)

    return act_once(
        request,
        idempotency_key,
        act,
        asked=body.dict(),
        status=HTTPStatus.ACCEPTED,
        locate=lambda run: f"{ADDRESS}{run['id']}",
    )


@router.post("/training-runs/{run_id}/cancel", response={200: RunOut}, summary="Stop a training")
def cancel_training_run(request: HttpRequest, run_id: RunId) -> HttpResponse:
    """One that waits ends at once, one under way at its next step. 409 where it has ended."""
    calling_user(request, may_train)
    run = find_run(run_id)
    if not request_cancel(run):
        raise Conflict("This run has ended already; there was nothing to cancel.", state=run.state)
    return json_answer(_describe(run))


def _options(body: RunIn) -> dict[str, Any]:
    """Those that were said, in one. Raises Refused for one said at the wrong place."""
    if twice := sorted(body.settings.keys() & RunIn.model_fields.keys()):
        raise Refused("malformed_request", f"Say {', '.join(twice)} in the body itself, not among its settings.")
    named = body.dict(exclude={"classifier", "name", "settings"}, exclude_none=True)
    return {**body.settings, **named}


def _describe(run: TrainingRun) -> dict[str, Any]:
    """As its row is now."""
    return describe_run_report(presentable(TrainingRun.objects.all()).get(pk=run.pk))
