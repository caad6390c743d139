"""What the admin's tests share: rows of every kind, and the addresses of its pages."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from classifier.api_tokens import create_token
from classifier.heartbeats import beat
from classifier.model_registry import promote
from classifier.models import (
    AuditDraw,
    Classifier,
    Dataset,
    EvaluationRequest,
    Explanation,
    Image,
    ImportJob,
    PromotionRequest,
    TrainingRun,
)
from classifier.prediction_results import AnswerRow, complete_batch
from classifier.predictions import claim_batch, find_work
from classifier.reviews import ReviewWish, record_review
from classifier.suggestions import suggest_label
from classifier.webhooks import send_test
from tests.row_makers import make_version, upload
from tests.webhook_receiver import make_webhook

KINDS = (
    "image",
    "prediction",
    "modelversion",
    "liveversionchange",
    "classifier",
    "dataset",
    "trainingrun",
    "workerheartbeat",
    "review",
    "suggestion",
    "auditdraw",
    "importjob",
    "promotionrequest",
    "evaluationrequest",
    "explanation",
    "apitoken",
    "webhook",
    "webhookdelivery",
)


def list_address(kind: str, query: str = "") -> str:
    return reverse(f"admin:classifier_{kind}_changelist") + query


def row_address(kind: str, key: object, page: str = "change") -> str:
    return reverse(f"admin:classifier_{kind}_{page}", args=[key])


def answer_waiting(*, index: int = 0, confidence: float = 0.8, unsure: bool = False) -> None:
    """A worker answers everything that waits for the first work found."""
    work = find_work()
    assert work is not None
    scores = [(1 - confidence) / 2] * 3
    scores[index] = confidence
    items = claim_batch(work=work, worker="w1", limit=64).items
    answers = [AnswerRow(item, index, confidence, scores, unsure=unsure, unfamiliar=False) for item in items]
    complete_batch(version_id=work.version_id, answers=answers)


def make_rows(classifier: Classifier, count: int, *, first: int = 0) -> None:
    """So many rows of each kind, images answered and reviewed."""
    person, _ = User.objects.get_or_create(username="owner")
    for seed in range(first, first + count):
        upload(seed)
        version = make_version(classifier, f"{seed + 100:064d}")
        promote(version=version, reason="test", user=person)
        Dataset.objects.create(
            classifier=classifier, name=f"set {seed}", digest=f"{seed:064d}", counts={"train": {"cat": 3}}
        )
        TrainingRun.objects.create(
            classifier=classifier, name=f"run {seed}", state="done", started_at=timezone.now(), log="Epoch 1 of 2"
        )
        beat(worker=f"host:{seed}", queue="gpu", loaded_versions=[str(version.id)], batch_size=8)
        ImportJob.objects.create(classifier_slug=classifier.slug, name=f"set {seed}", state="done", requested_by=person)
        PromotionRequest.objects.create(
            classifier=classifier, version=version, user=person, reason="test", state="done"
        )
        create_token(user=person, name=f"program {seed}", scopes=["predict"])
        send_test(webhook=make_webhook(f"https://example.org/{seed}", user=person, events=["training.finished"]))
        EvaluationRequest.objects.create(version=version, user=person, state="failed", ended_at=timezone.now())
    answer_waiting()
    for image in Image.objects.filter(review_state=""):
        say_everything(image, person)


def say_everything(image: Image, person: User) -> None:
    """Draw it for the audit, ask why, let its visitor and then a reviewer say what it is."""
    prediction = image.current_prediction
    assert prediction
    assert prediction.model_version
    assert prediction.label
    AuditDraw.objects.get_or_create(
        prediction=prediction,
        defaults={
            "image": image,
            "classifier": image.classifier,
            "model_version": prediction.model_version,
            "label": prediction.label,
            "stratum": "sure",
            "probability": 0.02,
            "drawn_at": timezone.now(),
        },
    )
    Explanation.objects.create(
        image=image,
        version=prediction.model_version,
        state="done",
        requested_at=timezone.now(),
        ended_at=timezone.now(),
    )
    suggest_label(image=image, owner_key=image.owner, label_name="dog")
    record_review(image_id=image.id, user=person, wish=ReviewWish("correct", "dog"))


def newest(kind: str) -> object:
    """The key of one row of this kind."""
    return apps.get_model("classifier", kind)._default_manager.values_list("pk", flat=True).first()
