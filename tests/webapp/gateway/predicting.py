"""Answers without a worker."""

from __future__ import annotations

from django.utils import timezone

from classifier.models import Prediction


def predict_all() -> None:
    """Every waiting prediction is done, as a worker leaves it: a dog."""
    for prediction in Prediction.objects.filter(state="queued").select_related("classifier"):
        Prediction.objects.filter(id=prediction.id).update(
            state="done",
            model_version=prediction.classifier.live_version_id,
            label=prediction.classifier.labels.get(name="dog"),
            confidence=0.9,
            scores=[0.06, 0.9, 0.04],
            done_at=timezone.now(),
        )
