"""Batches without a worker: folders of pictures, and answers for whatever waits."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from classifier.models import Classifier, Prediction
from tests.row_makers import png_bytes


def write_pictures(folder: Path, count: int, *, first_seed: int = 0) -> Path:
    """`0000.png` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:04}.png").write_bytes(png_bytes(first_seed + number))
    return folder


def answer_waiting(classifier: Classifier) -> int:
    """Every open prediction is done, as if a worker had been there; returns how many."""
    classifier.refresh_from_db()
    label = classifier.labels.get(name="cat")
    waiting = Prediction.objects.filter(classifier=classifier, state=Prediction.State.QUEUED)
    return waiting.update(
        state=Prediction.State.DONE,
        model_version=classifier.live_version,
        label=label,
        confidence=0.9,
        scores=[0.9, 0.05, 0.05],
        done_at=timezone.now(),
    )
