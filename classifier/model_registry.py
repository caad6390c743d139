"""Registering model versions, making one live, rolling back. Exactly one version is live at any moment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from classifier.classifiers import ensure_labels
from classifier.doorbell import REPREDICT_TASK, doorbell, ring_by_name
from classifier.errors import Conflict, Refused
from classifier.failpoints import failpoint
from classifier.live_updates import live_sender, model_event
from classifier.models import Classifier, LiveVersionChange, ModelVersion, TrainingRun
from classifier.webhook_messages import tell_promotion
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

_ROLLED_BACK = "rolled back from"


def register_version(
    *,
    classifier: Classifier,
    digest: str,
    manifest: dict[str, Any],
    metrics: dict[str, Any],
    training_run: TrainingRun | None = None,
) -> ModelVersion:
    """Add a candidate whose artifact is in object storage already. The classifier gets the labels it lacks.

    Registering the same digest twice returns the first row.
    """
    labels = manifest.get("labels")
    if not isinstance(labels, list) or len(labels) < 2 or len(set(labels)) != len(labels):
        raise Refused("malformed_request", "A model's manifest must list at least two different labels.")
    ensure_labels(classifier, labels)
    with write_transaction():
        locked = Classifier.objects.select_for_update().get(pk=classifier.pk)
        known = ModelVersion.objects.filter(classifier=locked, digest=digest).first()
        if known is not None:
            return known
        last = ModelVersion.objects.filter(classifier=locked).aggregate(last=Max("number"))["last"] or 0
        return ModelVersion.objects.create(
            classifier=locked,
            number=last + 1,
            digest=digest,
            manifest=manifest,
            metrics=metrics,
            data_fingerprint=str(manifest.get("data_fingerprint") or "")[:64],
            training_run=training_run,
        )


def promote(*, version: ModelVersion, reason: str, user: User | None = None) -> ModelVersion | None:
    """Make a version the one that answers, in one transaction; returns the version it replaced.

    The caller has proved that the artifact loads. After the commit workers are rung, pages hear of it, and images
    that the new version has not seen are queued again at bulk priority. Promoting the live version changes nothing.
    """
    with write_transaction():
        classifier = Classifier.objects.select_for_update().get(pk=version.classifier_id)
        previous = classifier.live_version
        if previous is not None and previous.pk == version.pk:
            return previous
        if previous is not None:
            ModelVersion.objects.filter(pk=previous.pk).update(stage=ModelVersion.Stage.RETIRED)
        ModelVersion.objects.filter(pk=version.pk).update(stage=ModelVersion.Stage.LIVE)
        Classifier.objects.filter(pk=classifier.pk).update(live_version=version)
        change = LiveVersionChange.objects.create(
            classifier=classifier, version=version, previous=previous, user=user, reason=reason[:200]
        )
        tell_promotion(change, classifier, is_roll_back=reason.startswith(_ROLLED_BACK))
        failpoint("before-promote-commit")
        transaction.on_commit(doorbell.ring)
        transaction.on_commit(lambda: live_sender.send(model_event(classifier.slug, version.number)))
        transaction.on_commit(lambda: ring_by_name(REPREDICT_TASK, [str(classifier.pk)]))
    logger.info("version_promoted", classifier=classifier.slug, version=version.number, reason=reason)
    return previous


def roll_back(*, classifier: Classifier, user: User | None = None) -> ModelVersion:
    """Make the version live again that the present one replaced; returns it. Raises Conflict if it replaced none.

    What counts is the present version's own promotion: rolling back twice goes back two versions, never forward again
    to the one that was just left. Chosen and promoted under one lock, so that another promotion cannot come between.
    """
    with write_transaction():
        locked = Classifier.objects.select_for_update().get(pk=classifier.pk)
        promotion = find_undoable_promotion(locked)
        if promotion is None or promotion.previous is None:
            raise Conflict("There is no earlier live version to go back to.")
        promote(version=promotion.previous, reason=f"{_ROLLED_BACK} v{promotion.version.number}", user=user)
    return promotion.previous


def find_undoable_promotion(classifier: Classifier) -> LiveVersionChange | None:
    """The promotion that a roll back would undo; None where the live version replaced none."""
    changes = LiveVersionChange.objects.filter(classifier=classifier, version=classifier.live_version_id)
    promotion = changes.exclude(reason__startswith=_ROLLED_BACK).select_related("version", "previous").first()
    return promotion if promotion is not None and promotion.previous is not None else None


def version_live_before(version_id: UUID) -> UUID | None:
    """The version that the newest promotion of this one replaced; None if it replaced none."""
    changes = LiveVersionChange.objects.filter(version_id=version_id, previous__isnull=False)
    return changes.values_list("previous_id", flat=True).first()


def reject(*, version: ModelVersion, verdict: dict[str, Any]) -> None:
    """Keep a candidate out, with the gate's reasons."""
    ModelVersion.objects.filter(pk=version.pk, stage=ModelVersion.Stage.CANDIDATE).update(
        stage=ModelVersion.Stage.REJECTED, verdict=verdict
    )
