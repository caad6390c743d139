"""/models: the trained versions; measuring one, letting it answer, going back."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field

from classifier.classifiers import find_classifier
from classifier.errors import Conflict
from classifier.evaluation_requests import find_evaluation, request_evaluation
from classifier.model_registry import roll_back
from classifier.models import ModelVersion
from classifier.promotion_requests import find_promotion, request_promotion
from classifier.version_presentation import (
    LISTED,
    describe_evaluation,
    describe_promotion,
    describe_version,
    list_version,
)
from classifier.version_report import find_version
from webapp.access import calling_user, may_promote, may_train
from webapp.api.answers import ClassifierPageWish, IdempotencyKey, act_once, json_answer, one_of, read_rows
from webapp.api.schemas_of_models import EvaluationOut, ModelPageOut, PromotionOut, WholeModelOut

router = Router(tags=["models"])
PROMOTIONS: Final = "/api/v1/promotions/"
EVALUATIONS: Final = "/api/v1/evaluations/"
ModelId = Annotated[str, Path(description="A model version's id")]
RequestId = Annotated[str, Path(description="The id that the 202 answer gave")]


class ModelsWish(ClassifierPageWish):
    stage: Annotated[str | None, Field(pattern=one_of(ModelVersion.Stage.values))] = None


@router.get("/models", response={200: ModelPageOut}, summary="Model versions, newest first")
def list_models(request: HttpRequest, wish: Query[ModelsWish]) -> HttpResponse:
    """Of all classifiers, or of one; in all stages, or in one."""
    calling_user(request)
    rows = ModelVersion.objects.select_related("classifier").defer(*LISTED)
    if wish.classifier:
        rows = rows.filter(classifier=find_classifier(wish.classifier))
    if wish.stage:
        rows = rows.filter(stage=wish.stage)
    found, cursor = read_rows(rows, wish)
    return json_answer({"models": [list_version(row) for row in found], "next_cursor": cursor})


@router.get("/models/{model_id}", response={200: WholeModelOut}, summary="One model version")
def read_model(request: HttpRequest, model_id: ModelId) -> HttpResponse:
    """What it learned from, what was measured, what the gate said, and when it was live."""
    calling_user(request)
    return json_answer(describe_version(find_version(model_id)))


@router.post("/models/{model_id}/promote", response={202: PromotionOut}, summary="Let a version answer")
def promote_model(request: HttpRequest, model_id: ModelId, idempotency_key: IdempotencyKey = None) -> HttpResponse:
    """A worker tries it first; `Location` tells what became of it. 400 for a version that is live already or was
    rejected, 409 while another one is being tried."""
    user = calling_user(request, may_promote)
    version = find_version(model_id)
    return act_once(
        request,
        idempotency_key,
        lambda: describe_promotion(request_promotion(version=version, user=user, reason="promoted through the API")),
        status=HTTPStatus.ACCEPTED,
        locate=lambda made: f"{PROMOTIONS}{made['id']}",
    )


@router.get("/promotions/{promotion_id}", response={200: PromotionOut}, summary="What became of a promotion")
def read_promotion(request: HttpRequest, promotion_id: RequestId) -> HttpResponse:
    """`waiting` until a worker has tried the version, then `done` or `refused`."""
    calling_user(request)
    return json_answer(describe_promotion(find_promotion(promotion_id)))


@router.post("/models/{model_id}/rollback", response={200: WholeModelOut}, summary="Go back to the version before")
def roll_back_model(request: HttpRequest, model_id: ModelId, idempotency_key: IdempotencyKey = None) -> HttpResponse:
    """Name the live version; the answer is the one that it had replaced, which is live again at once. 409 where the
    named version is not live any more, or has replaced none."""
    user = calling_user(request, may_promote)
    version = find_version(model_id)

    def act() -> dict[str, Any]:
        if version.classifier.live_version_id != version.id:
            raise Conflict(f"{version} is not live, so nothing was rolled back. Look which version is.")
        before = roll_back(classifier=version.classifier, user=user)
        return describe_version(find_version(str(before.id)))

    return act_once(request, idempotency_key, act)


@router.post("/models/{model_id}/evaluate", response={202: EvaluationOut}, summary="Measure a version again")
def evaluate_model(request: HttpRequest, model_id: ModelId, idempotency_key: IdempotencyKey = None) -> HttpResponse:
    """On the holdout as it is now, by a train worker; `Location` tells how that gets on. 409 while it is measured."""
    user = calling_user(request, may_train)
    version = find_version(model_id)
    return act_once(
        request,
        idempotency_key,
        lambda: describe_evaluation(request_evaluation(version=version, user=user)),
        status=HTTPStatus.ACCEPTED,
        locate=lambda made: f"{EVALUATIONS}{made['id']}",
    )


@router.get("/evaluations/{evaluation_id}", response={200: EvaluationOut}, summary="What became of a measurement")
def read_evaluation(request: HttpRequest, evaluation_id: RequestId) -> HttpResponse:
    """`waiting`, `running`, then `done` or `failed`."""
    calling_user(request)
    return json_answer(describe_evaluation(find_evaluation(evaluation_id)))
