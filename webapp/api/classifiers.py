"""/classifiers: which questions this site answers."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from ninja import Router

from classifier.classifiers import find_classifier
from classifier.models import Classifier
from webapp.api.schemas import ClassifierOut, Error

router = Router(tags=["classifiers"])


def describe_classifier(classifier: Classifier) -> dict[str, object]:
    """Slug, name, labels in order, and the number of the live version."""
    return {
        "slug": classifier.slug,
        "name": classifier.name,
        "labels": [label.name for label in classifier.labels.all()],
        "live_version": classifier.live_version.number if classifier.live_version else None,
    }


@router.get("/classifiers", response={200: list[ClassifierOut], 401: Error}, summary="All classifiers")
def list_classifiers(request: HttpRequest) -> HttpResponse:
    rows = Classifier.objects.select_related("live_version").prefetch_related("labels")
    return HttpResponse(json.dumps([describe_classifier(row) for row in rows]), content_type="application/json")


@router.get("/classifiers/{slug}", response={200: ClassifierOut, 401: Error, 404: Error}, summary="One classifier")
def read_classifier(request: HttpRequest, slug: str) -> HttpResponse:
    return HttpResponse(json.dumps(describe_classifier(find_classifier(slug))), content_type="application/json")
