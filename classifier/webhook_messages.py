"""The messages of each event: what a program needs to know, by ids that the API knows. docs/webhooks.md lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from classifier.models import Classifier, Image, LiveVersionChange, ModelVersion, Review, TrainingRun, Webhook
from classifier.presentation import write_moment
from classifier.webhook_events import Message, tell_webhooks

Event = Webhook.Event


class _Answered(Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def image_id(self) -> UUID: ...


class Answer(Protocol):
    """What is told of one image's answer."""

    @property
    def item(self) -> _Answered: ...

    @property
    def label_index(self) -> int: ...

    @property
    def confidence(self) -> float: ...

    @property
    def unsure(self) -> bool: ...

    @property
    def unfamiliar(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _VersionFacts:
    number: int
    labels: tuple[str, ...]
    classifier_id: UUID
    slug: str


@lru_cache(maxsize=256)
def _facts_of(version_id: UUID) -> _VersionFacts:
    """None of this ever changes, so it is read once a process. Raises ModelVersion.DoesNotExist."""
    version = ModelVersion.objects.select_related("classifier").get(id=version_id)
    return _VersionFacts(version.number, tuple(version.labels), version.classifier_id, version.classifier.slug)


def tell_predictions(version_id: UUID, answers: Sequence[Answer]) -> None:
    """These images were answered by this version."""
    if not answers:
        return
    facts = _facts_of(version_id)
    model = {"id": str(version_id), "version": facts.number}

    def write_one(answer: Answer) -> Message:
        data = {
            "prediction": str(answer.item.id),
            "image": str(answer.item.image_id),
            "label": facts.labels[answer.label_index],
            "confidence": round(float(answer.confidence), 6),
            "unsure": bool(answer.unsure),
            "unfamiliar": bool(answer.unfamiliar),
            "model": model,
        }
        return Message(str(answer.item.id), facts.slug, data)

    tell_webhooks(
        Event.PREDICTION_DONE, classifier_id=facts.classifier_id, write=lambda: [write_one(each) for each in answers]
    )


def tell_review(review: Review) -> None:
    """Somebody said what an image is, or took that back; `review_state` is where the image stands now."""

    def write() -> list[Message]:
        image = Image.objects.select_related("classifier", "settled_label").get(id=review.image_id)
        data = {
            "review": str(review.id),
            "image": str(image.id),
            "verdict": str(review.verdict),
            "label": review.label.name if review.label else None,
            "by": review.user.get_username() if review.user else None,
            "review_state": str(image.review_state),
            "settled_label": image.settled_label.name if image.settled_label else None,
        }
        return [Message(str(review.id), image.classifier.slug, data)]

    tell_webhooks(Event.REVIEW_MADE, classifier_id=review.classifier_id, write=write)


def tell_training(run_id: UUID) -> None:
    """The run has ended: done, failed or cancelled."""
    run = TrainingRun.objects.select_related("classifier", "model_version").get(id=run_id)

    def write() -> list[Message]:
        version = getattr(run, "model_version", None)
        data: dict[str, Any] = {
            "training_run": str(run.id),
            "name": run.name,
            "state": str(run.state),
            "outcome": run.outcome,
            "started_at": write_moment(run.started_at),
            "ended_at": write_moment(run.ended_at),
            "model": _describe(version) if version else None,
        }
        return [Message(str(run.id), run.classifier.slug, data)]

    tell_webhooks(Event.TRAINING_FINISHED, classifier_id=run.classifier_id, write=write)


def tell_promotion(change: LiveVersionChange, classifier: Classifier, *, is_roll_back: bool) -> None:
    """Another version answers from now on."""

    def write() -> list[Message]:
        data: dict[str, Any] = {
            "model": _describe(change.version),
            "previous": _describe(change.previous) if change.previous else None,
            "is_roll_back": is_roll_back,
            "reason": change.reason,
            "by": change.user.get_username() if change.user else None,
        }
        return [Message(str(change.id), classifier.slug, data)]

    tell_webhooks(Event.MODEL_PROMOTED, classifier_id=classifier.id, write=write)


def _describe(version: ModelVersion) -> dict[str, Any]:
    return {"id": str(version.id), "version": version.number}
