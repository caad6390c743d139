"""Measuring a registered version on the holdout, and proving that it loads before it is made live by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import structlog
from django.conf import settings

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.errors import Refused
from classifier.model_registry import version_live_before
from classifier.models import Classifier, ModelVersion
from ml.data_types import Predictor, Split
from ml.errors import MlError
from ml.training_examples import Selection
from tasks.evaluation_storage import Opponent, keep_evaluation
from tasks.holdout_answers import OnProgress, answer_holdout, load_predictor
from tasks.judging import answer_as_opponent, select_holdout

logger = structlog.get_logger(__name__)

ALSO_TOLD: Final = (
    *("top_3", "calibration_error", "calibration_error_before", "sure_share", "sure_accuracy"),
    *("per_label", "confusion", "confused_pairs"),
)


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
            **{name: self.metrics[name] for name in ALSO_TOLD},
        }


def evaluate_version(
    *, version: ModelVersion, dataset_names: Sequence[str] = (), on_progress: OnProgress = lambda done, total: None
) -> Evaluation:
    """Measure, and store it with the version unless only some datasets were asked for.

    What is stored tells what changed against the live version (for the live one: against the one that it replaced).
    Raises NotFound, Refused where there is nothing to measure on or the version does not load, StorageUnavailable.
    """
    with TemporaryDirectory(prefix="whatsit-evaluation-") as folder:
        reviewed = None if dataset_names else Path(folder) / "reviewed"
        selection = select_holdout(classifier=version.classifier, dataset_names=dataset_names, reviewed=reviewed)
        return _measure(version, selection, dataset_names, on_progress)


def _measure(
    version: ModelVersion, selection: Selection, dataset_names: Sequence[str], on_progress: OnProgress
) -> Evaluation:
    if not selection.count(Split.HOLDOUT):
        raise Refused("malformed_request", "No picture fell to the holdout, so there is nothing to measure on.")
    result = answer_holdout(load_version(version), selection, on_progress=on_progress)
    if dataset_names:
        return Evaluation(version, list(dataset_names), result.measure(version.manifest))
    opponent = _find_opponent(version, selection)
    metrics = keep_evaluation(version=version, result=result, selection=selection, opponent=opponent)
    return Evaluation(version, [], metrics)


def _find_opponent(version: ModelVersion, selection: Selection) -> Opponent | None:
    """One that cannot be loaded is none: this version is measured all the same."""
    live_id = Classifier.objects.values_list("live_version_id", flat=True).get(pk=version.classifier_id)
    other_id = live_id if live_id != version.id else version_live_before(version.id)
    other = ModelVersion.objects.filter(pk=other_id).first() if other_id else None
    if other is None:
        return None
    try:
        return answer_as_opponent(other, selection)
    except (ArtifactDamaged, MlError) as problem:
        logger.warning("opponent_not_loaded", version=str(other.id), error=str(problem))
        return None


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
