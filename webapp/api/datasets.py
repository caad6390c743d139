"""/datasets: the labelled pictures that were imported, and importing more from a storage place."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field

from classifier.classifier_editing import clean_classifier_name, slug_of_new_classifier
from classifier.classifiers import find_classifier
from classifier.dataset_presentation import LISTED, describe_dataset, describe_import_job, list_dataset
from classifier.datasets import find_dataset_by_id
from classifier.errors import Refused
from classifier.import_jobs import request_import, suggest_dataset_name
from classifier.import_places import check_place
from classifier.models import Dataset, ImportJob
from webapp.access import calling_user, may_train
from webapp.api.answers import ClassifierPageWish, IdempotencyKey, StrictSchema, act_once, json_answer, read_rows
from webapp.api.schemas_of_classifiers import DatasetOut, DatasetPageOut, ImportOut

router = Router(tags=["datasets"])
IMPORTS: Final = "/api/v1/imports/"


class DatasetIn(StrictSchema):
    """`place` is a folder of one folder per label, or a ZIP of such: `s3://bucket/folder`, `gs://…`, `azure://…`,
    `storage://incoming/folder`, or a folder of the server that its operator has opened. Name the `classifier` by its
    slug, or with `classifier_name` one to be made by this import. Without a `name` the dataset is called as the place.
    """

    place: Annotated[str, Field(min_length=1, max_length=500)]
    classifier: Annotated[str | None, Field(max_length=60)] = None
    classifier_name: Annotated[str | None, Field(max_length=120)] = None
    name: Annotated[str | None, Field(max_length=120)] = None


@router.get("/datasets", response={200: DatasetPageOut}, summary="Datasets, newest first")
def list_datasets(request: HttpRequest, wish: Query[ClassifierPageWish]) -> HttpResponse:
    """Of all classifiers, or of one."""
    calling_user(request)
    rows = Dataset.objects.select_related("classifier").defer(*LISTED)
    if wish.classifier:
        rows = rows.filter(classifier=find_classifier(wish.classifier))
    found, cursor = read_rows(rows, wish)
    return json_answer({"datasets": [list_dataset(row) for row in found], "next_cursor": cursor})


@router.get("/datasets/{dataset_id}", response={200: DatasetOut}, summary="One dataset")
def read_dataset(request: HttpRequest, dataset_id: Annotated[str, Path(description="A dataset's id")]) -> HttpResponse:
    """With its pictures by label and part, and the files that gave none."""
    calling_user(request)
    return json_answer(describe_dataset(find_dataset_by_id(dataset_id)))


@router.post("/datasets", response={202: ImportOut}, summary="Import pictures from a storage place")
def import_dataset(request: HttpRequest, body: DatasetIn, idempotency_key: IdempotencyKey = None) -> HttpResponse:
    """A worker reads the place; `Location` tells how far it is. 409 where the classifier has a dataset, or an import
    under way, of this name."""
    user = calling_user(request, may_train)
    return act_once(
        request,
        idempotency_key,
        lambda: describe_import_job(_request(user, body)),
        asked=body.dict(),
        status=HTTPStatus.ACCEPTED,
        locate=lambda job: f"{IMPORTS}{job['id']}",
    )


def _request(user: User, body: DatasetIn) -> ImportJob:
    place = check_place(body.place)
    slug, new_name = _read_classifier(body)
    name = body.name or suggest_dataset_name(classifier_slug=slug, source=place)
    return request_import(
        classifier_slug=slug,
        classifier_name=new_name,
        name=name,
        user=user,
        place=place,
    )


def _read_classifier(body: DatasetIn) -> tuple[str, str]:
    """The slug, and the name of a classifier to be made."""
    if bool(body.classifier) == bool(body.classifier_name):
        raise Refused("malformed_request", "Name either the classifier, or with classifier_name one to be made.")
    if body.classifier:
        return find_classifier(body.classifier).slug, ""
    name = clean_classifier_name(str(body.classifier_name))
    return slug_of_new_classifier(name), name
