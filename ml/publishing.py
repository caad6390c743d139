"""From a trained network to an artifact: calibrate on validation, measure on the holdout, write the folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.artifact import Manifest, write_artifact
from ml.calibration import (
    expected_calibration_error,
    find_energy_threshold,
    find_thresholds,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)
from ml.data_types import Floats, LabelledImages, Pictures, TrainingData
from ml.evaluation import evaluate
from ml.golden import choose_golden
from ml.inference import compile_logits, named_weights
from ml.target_curves import choose_thresholds
from ml.training_settings import TrainingSettings

EVALUATION_BATCH = 256


def publish(
    network: keras.Model,
    data: TrainingData,
    settings: TrainingSettings,
    folder: Path,
    run: dict[str, Any],
    measured: tuple[Floats, Floats] | None = None,
) -> dict[str, Any]:
    """Write the artifact of a trained network; returns its metrics. Only figures, no choice, come from the holdout.

    `measured` are its logits for validation and holdout, where the caller has them already.
    """
    mirror_average = settings.mirror and settings.mirror_average
    if measured is None:
        logits = compile_logits(network, data.preprocessing, mirror_average)
        measured = predict_logits(logits, data.validation.images), predict_logits(logits, data.holdout.images)
    validation, holdout = measured
    temperature = fit_temperature(validation, data.validation.labels)
    scores = softmax(validation, temperature)
    thresholds = find_thresholds(scores, data.validation.labels, settings.target_precision)
    limits = np.asarray(thresholds.per_label)
    metrics = {
        "validation": describe(validation, data.validation, data.labels, temperature, limits),
        "holdout": describe(holdout, data.holdout, data.labels, temperature, limits),
        "run": run,
        "examples": {"train": len(data.train), "validation": len(data.validation), "holdout": len(data.holdout)},
    }
    manifest = Manifest(
        labels=data.labels,
        network={"name": settings.network, "settings": settings.network_settings, "outputs": len(data.labels)},
        preprocessing=data.preprocessing,
        temperature=temperature,
        thresholds=thresholds.to_dict() | {"per_target": choose_thresholds(scores, data.validation.labels)},
        energy_threshold=find_energy_threshold(validation),
        mirror_average=mirror_average,
        metrics=metrics,
        data_fingerprint=data.fingerprint,
        seed=settings.seed,
        recipe=settings.to_dict(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    weights = {name: np.asarray(each) for name, each in named_weights(network).items()}
    write_artifact(folder, manifest, weights, choose_golden(data.validation.images, scores))
    return metrics


def describe(
    logits: Floats, examples: LabelledImages, names: list[str], temperature: float, limits: NDArray[Any]
) -> dict[str, Any]:
    """The evaluation of calibrated scores, the error before calibration, and the share that is answered surely."""
    if not len(examples):
        return {"count": 0}
    scores = softmax(logits, temperature)
    answers = scores.argmax(axis=1)
    sure = scores.max(axis=1) >= limits[answers]
    right = answers == examples.labels
    return {
        **evaluate(scores, examples.labels, names),
        "calibration_error_before": expected_calibration_error(softmax(logits), examples.labels),
        "sure_share": float(sure.mean()),
        "sure_accuracy": float(right[sure].mean()) if sure.any() else None,
    }


def predict_logits(logits: Callable[[Any], Any], images: Pictures) -> Floats:
    """uint8 (n, height, width, channels) → float32 (n, labels), in batches."""
    starts = range(0, len(images), EVALUATION_BATCH)
    parts = [np.asarray(logits(images[start : start + EVALUATION_BATCH])) for start in starts]
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def measure_logits(logits: Floats, labels: NDArray[Any]) -> tuple[float, float]:
    """`(mean cross-entropy, accuracy)`."""
    return negative_log_likelihood(logits, labels), float((logits.argmax(axis=1) == labels).mean())
