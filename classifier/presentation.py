"""How an image and its prediction look to every reader: REST, sockets, brokers and the command line alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypedDict, overload
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet

from classifier.models import Classifier, Image, ModelVersion, Prediction
from classifier.prepared_queries import PreparedQuery


class Score(TypedDict):
    label: str
    score: float


class ModelName(TypedDict):
    id: str
    version: int


class PredictionItem(TypedDict):
    id: str
    state: str
    label: str | None
    confidence: float | None
    unsure: bool
    unfamiliar: bool
    scores: list[Score]
    model: ModelName | None
    failure: dict[str, str] | None
    queued_at: str
    done_at: str | None


class ImageItem(TypedDict):
    id: str
    name: str
    classifier: str
    sha256: str
    state: str
    duplicate: bool
    version: int
    width: int
    height: int
    notes: list[str]
    created_at: str
    prediction: PredictionItem | None


@lru_cache(maxsize=1024)
def _version_facts(version_id: UUID) -> tuple[int, tuple[str, ...]]:
    """Number and labels of a version; both never change, so they are read once a process."""
    version = ModelVersion.objects.only("number", "manifest").get(id=version_id)
    return version.number, tuple(version.labels)


def describable(images: QuerySet[Image]) -> QuerySet[Image]:
    """The same images with everything `describe_image` reads, in one query."""
    return images.select_related("classifier", "current_prediction")


def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


_IMAGE, _PREDICTION = _columns(Image), _columns(Prediction)
# Every batch asks this; building the query costs more than running it, and whole classifiers are not needed.
_described = PreparedQuery(
    lambda ids: Image.objects.filter(id__in=ids).values_list(
        *_IMAGE, "classifier__slug", *(f"current_prediction__{name}" for name in _PREDICTION)
    )
)


def read_describable(image_ids: Sequence[UUID]) -> list[Image]:
    """These images as `describable` reads them, only faster; of their classifiers just the slug is there."""
    if not image_ids:
        return []
    images = []
    slugs: dict[str, Classifier] = {}
    for row in _described.rows(list(image_ids)):
        image = Image.from_db(connection.alias, _IMAGE, row[: len(_IMAGE)])
        slug, values = row[len(_IMAGE)], row[len(_IMAGE) + 1 :]
        image.classifier = slugs.setdefault(slug, Classifier(id=image.classifier_id, slug=slug))
        if image.current_prediction_id is not None:
            image.current_prediction = Prediction.from_db(connection.alias, _PREDICTION, values)
        images.append(image)
    return images


def describe_image(image: Image, *, duplicate: bool = False) -> ImageItem:
    """The public form of an image with its newest prediction."""
    prediction = image.current_prediction
    return {
        "id": str(image.id),
        "name": image.name,
        "classifier": image.classifier.slug,
        "sha256": image.sha256,
        "state": prediction.state if prediction else "queued",
        "duplicate": duplicate,
        "version": image.version,
        "width": image.original_width,
        "height": image.original_height,
        "notes": list(image.notes),
        "created_at": write_moment(image.created_at),
        "prediction": describe_prediction(prediction) if prediction else None,
    }


def describe_images(images: Iterable[Image]) -> list[ImageItem]:
    """Several at once, in the given order."""
    return [describe_image(image) for image in images]


def describe_prediction(prediction: Prediction) -> PredictionItem:
    """Scores come best first; label, confidence and model stay empty until there is an answer."""
    scores: list[Score] = []
    model: ModelName | None = None
    label: str | None = None
    if prediction.model_version_id and prediction.scores is not None:
        number, labels = _version_facts(prediction.model_version_id)
        model = {"id": str(prediction.model_version_id), "version": number}
        pairs = zip(labels, prediction.scores, strict=True)
        scores = [{"label": name, "score": score} for name, score in sorted(pairs, key=lambda pair: -pair[1])]
        label = scores[0]["label"]
    failed = prediction.state == Prediction.State.FAILED
    return {
        "id": str(prediction.id),
        "state": prediction.state,
        "label": label,
        "confidence": prediction.confidence,
        "unsure": prediction.unsure,
        "unfamiliar": prediction.unfamiliar,
        "scores": scores,
        "model": model,
        "failure": {"code": prediction.failure_code, "message": prediction.failure_reason} if failed else None,
        "queued_at": write_moment(prediction.queued_at),
        "done_at": write_moment(prediction.done_at),
    }


@overload
def write_moment(moment: datetime) -> str: ...
@overload
def write_moment(moment: datetime | None) -> str | None: ...
def write_moment(moment: datetime | None) -> str | None:
    """As every answer writes it: “2026-11-22T03:00:00.000Z”."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
