"""/classifiers/{slug}/labels: the possible answers of a classifier, with their pictures; adding one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import Field

from classifier.classifier_presentation import describe_label
from classifier.classifiers import add_label, find_classifier
from classifier.label_counts import count_labels, summarize_counts
from classifier.page_cursors import read_cursor, write_cursor
from webapp.access import calling_user, may_edit_classifier
from webapp.api.answers import IdempotencyKey, PageWish, StrictSchema, act_once, json_answer
from webapp.api.classifiers import Slug
from webapp.api.schemas_of_classifiers import LabelOut, LabelPageOut

router = Router(tags=["classifiers"])


class LabelIn(StrictSchema):
    """It stands behind the others for ever; versions trained from now on know it."""

    name: Annotated[str, Field(max_length=120)]


@router.get("/classifiers/{slug}/labels", response={200: LabelPageOut}, summary="Labels, with their pictures")
def list_labels(request: HttpRequest, slug: Slug, page: Query[PageWish]) -> HttpResponse:
    """In their order, which is that of a version's scores before they are sorted."""
    calling_user(request)
    counted = count_labels(find_classifier(slug))
    first = read_cursor(page.cursor).int if page.cursor else 0
    shown = counted[first : first + page.limit]
    following = first + page.limit
    cursor = write_cursor(UUID(int=following)) if following < len(counted) else None
    return json_answer({"labels": [describe_label(label) for label in shown], "next_cursor": cursor})


@router.post("/classifiers/{slug}/labels", response={201: LabelOut}, summary="Add a label")
def add_one_label(
    request: HttpRequest, slug: Slug, body: LabelIn, idempotency_key: IdempotencyKey = None
) -> HttpResponse:
    """409 where there is one of this name, however it is capitalised."""
    calling_user(request, may_edit_classifier)
    classifier = find_classifier(slug)

    def act() -> dict[str, Any]:
        label = add_label(classifier, name=body.name)
        return describe_label(summarize_counts([label.name], [])[0])

    return act_once(request, idempotency_key, act, asked=body.dict(), status=HTTPStatus.CREATED)
