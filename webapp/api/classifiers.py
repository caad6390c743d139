"""/classifiers: which questions this site answers; making one, and changing what may be changed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field

from classifier.classifier_editing import MOST_LABELS, edit_classifier, make_classifier
from classifier.classifier_presentation import describe_classifier, describe_whole_classifier
from classifier.classifiers import find_classifier
from classifier.models import Classifier, GatePolicy
from webapp.access import calling_user, may_edit_classifier, may_see_work
from webapp.api.answers import IdempotencyKey, PageWish, StrictSchema, act_once, json_answer, read_rows
from webapp.api.schemas_of_classifiers import ClassifierPageOut, WholeClassifierOut

router = Router(tags=["classifiers"])
ADDRESS: Final = "/api/v1/classifiers/"
Slug = Annotated[str, Path(description="A classifier's slug")]
_UNREAD: Final = tuple(f"live_version__{name}" for name in ("manifest", "metrics", "verdict", "evaluation"))


class ClassifierIn(StrictSchema):
    """Its address (slug) follows from its name. Labels can also come later, with the first dataset."""

    name: Annotated[str, Field(max_length=120)]
    labels: Annotated[list[str], Field(max_length=MOST_LABELS)] = []


class ClassifierChange(StrictSchema):
    """Only what is named changes. `train_every_hours` and `train_after_examples`: null for never. Target precision,
    mirroring and gate count from the next training on."""

    name: Annotated[str | None, Field(max_length=120)] = None
    target_precision: Annotated[float | None, Field(ge=0.5, le=0.999)] = None
    left_right_differ: bool | None = None
    train_every_hours: Annotated[int | None, Field(ge=1, le=8760)] = None
    train_after_examples: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    gate_policy: Annotated[str | None, Field(pattern=f"^({'|'.join(GatePolicy.values)})$")] = None
    gate_margin: Annotated[float | None, Field(ge=0.001, le=0.2)] = None


@router.get("/classifiers", response={200: ClassifierPageOut}, summary="All classifiers")
def list_classifiers(request: HttpRequest, page: Query[PageWish]) -> HttpResponse:
    """Names, labels and live versions, the newest classifier first. Visitors may ask too."""
    rows = Classifier.objects.select_related("live_version").defer(*_UNREAD).prefetch_related("labels")
    found, cursor = read_rows(rows, page)
    return json_answer({"classifiers": [describe_classifier(row) for row in found], "next_cursor": cursor})


@router.post("/classifiers", response={201: WholeClassifierOut}, summary="Make a classifier")
def make_one_classifier(
    request: HttpRequest, body: ClassifierIn, idempotency_key: IdempotencyKey = None
) -> HttpResponse:
    """It can answer once pictures were imported and a training made its first version. 409 where another classifier
    has this address."""
    calling_user(request, may_edit_classifier)

    return act_once(
        request,
        idempotency_key,
        lambda: _describe(request, make_classifier(name=body.name, labels=body.labels)),
        asked=body.dict(),
        status=HTTPStatus.CREATED,
        locate=lambda made: f"{ADDRESS}{made['slug']}",
    )


@router.get("/classifiers/{slug}", response={200: WholeClassifierOut}, summary="One classifier")
def read_classifier(request: HttpRequest, slug: Slug) -> HttpResponse:
    """With thresholds, schedule, gate and live accuracy in `work`, for people who work on the site."""
    return json_answer(_describe(request, find_classifier(slug)))


@router.patch("/classifiers/{slug}", response={200: WholeClassifierOut}, summary="Change a classifier")
def change_classifier(request: HttpRequest, slug: Slug, body: ClassifierChange) -> HttpResponse:
    """All or nothing. A repeat changes nothing more."""
    calling_user(request, may_edit_classifier)
    found = find_classifier(slug)
    edit_classifier(found, changes=body.dict(exclude_unset=True))
    return json_answer(_describe(request, find_classifier(slug)))


def _describe(request: HttpRequest, classifier: Classifier) -> dict[str, Any]:
    if may_see_work(request.user):
        return describe_whole_classifier(classifier)
    return {**describe_classifier(classifier), "work": None}
