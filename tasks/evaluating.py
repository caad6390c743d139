"""Measuring a registered version on the holdout, and proving that it loads before it is made live by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.errors import Refused
from classifier.models import ModelVersion
from ml.data_types import Predictor, Split
from ml.errors import MlError
from tasks.holdout_answers import OnProgress, answer_holdout, load_predictor
from tasks.judging import select_holdout


@dataclass(frozen=True, slots=True)
class Evaluation:
    """ml's metrics of one version on the holdout of `datasets` (all of the classifier's where empty)."""

    version: ModelVersion
    datasets: list[str]
    metrics: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """`{accuracy, low, high, n, per_label}` and what else was measured."""
        return {
            "classifier": self.version.classifier.slug,
            "model": {"id": str(self.version.id), "version": self.version.number},
            "datasets": self.datasets,
            "accuracy": self.metrics["accuracy"],
            "low": self.metrics["accuracy_low"],
            "high": self.metrics["accuracy_high"],
            "n": self.metrics["count"],
            "top_3": self.metrics["top_3"],
            "calibration_error": self.metrics["calibration_error"],
            "per_label": self.metrics["per_label"],
            "confusion": self.metrics["confusion"],
        }


def evaluate_version(
    *, version: ModelVersion, dataset_names: Sequence[str] = (), on_progress: OnProgress = lambda done, total: None
) -> Evaluation:
    """Raises NotFound, Refused where there is nothing to measure on or the version does not load."""
    selection = select_holdout(classifier=version.classifier, dataset_names=dataset_names)
    if not selection.count(Split.HOLDOUT):
        raise Refused("malformed_request", "No picture fell to the holdout, so there is nothing to measure on.")
    result = answer_holdout(load_version(version), selection, on_progress=on_progress)
    return Evaluation(version, list(dataset_names), result.measure())


def load_version(version: ModelVersion) -> Predictor:
    """The version's artifact, fetched, checked and proved to answer with the labels it was registered with.

    Raises Refused where it does not, StorageUnavailable.
    """
    try:
        predictor = load_predictor(fetch_artifact(version.digest, settings.MODEL_CACHE_DIR))
    except (ArtifactDamaged, MlError) as problem:
        raise Refused("malformed_request", f"v{version.number} cannot be loaded: {problem}") from problem
    if list(predictor.labels) != version.labels:
        raise Refused("malformed_request", f"v{version.number} has other labels than it was registered with.")
    return predictor
