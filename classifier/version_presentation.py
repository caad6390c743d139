"""How model versions, promotions and measurements look to programs."""

from __future__ import annotations

from typing import Any, Final

from classifier.models import EvaluationRequest, LiveVersionChange, ModelVersion, PromotionRequest
from classifier.presentation import write_moment
from classifier.version_figures import Accuracy, read_accuracy
from classifier.version_report import label_rows

LISTED: Final = ("manifest", "verdict")
"""What a list need not read."""
CHANGES_SHOWN: Final = 50
_FIGURES: Final = (
    "count",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "top_3",
    "calibration_error",
    "sure_share",
    "sure_accuracy",
    "holdout_digest",
)


def name_version(version: ModelVersion) -> dict[str, Any]:
    """As every answer names one."""
    return {"id": str(version.id), "version": version.number}


def describe_accuracy(accuracy: Accuracy | None) -> dict[str, Any] | None:
    """The share answered rightly, with its 95 % interval, all from 0 to 1."""
    if accuracy is None:
        return None
    return {"value": accuracy.value, "low": accuracy.low, "high": accuracy.high, "count": accuracy.count}


def list_version(version: ModelVersion) -> dict[str, Any]:
    """One line of a list; reads the version's classifier, and nothing of LISTED."""
    return {
        **name_version(version),
        "classifier": version.classifier.slug,
        "stage": version.stage,
        "digest": version.digest,
        "accuracy": describe_accuracy(read_accuracy(version)),
        "training_run": str(version.training_run_id) if version.training_run_id else None,
        "created_at": write_moment(version.created_at),
    }


def describe_version(version: ModelVersion) -> dict[str, Any]:
    """All of it: what it learned from, what was measured, what the gate said, when it was live. One query."""
    return {
        **list_version(version),
        "labels": version.labels,
        "recipe": version.manifest.get("recipe") or {},
        "preprocessing": version.manifest.get("preprocessing") or {},
        "data": _describe_data(version),
        "metrics": _describe_metrics(version),
        "verdict": describe_verdict(version),
        "history": [_describe_change(change) for change in _changes(version)],
    }


def describe_verdict(version: ModelVersion) -> dict[str, Any] | None:
    """What the gate said; None where it was not asked."""
    verdict = version.verdict
    if not verdict:
        return None
    return {
        "passed": bool(verdict.get("passed")),
        "sentences": [str(sentence) for sentence in verdict.get("sentences") or []],
        "numbers": verdict.get("numbers") or {},
    }


def describe_promotion(request: PromotionRequest) -> dict[str, Any]:
    """Somebody's wish that a version goes live, and what became of it."""
    return {
        "id": str(request.id),
        "classifier": request.classifier.slug,
        "model": name_version(request.version),
        "state": request.state,
        "reason": request.reason,
        "outcome": request.outcome,
        "created_at": write_moment(request.created_at),
        "ended_at": write_moment(request.ended_at),
    }


def describe_evaluation(request: EvaluationRequest) -> dict[str, Any]:
    """Somebody's wish that a version is measured, and what became of it."""
    return {
        "id": str(request.id),
        "classifier": request.version.classifier.slug,
        "model": name_version(request.version),
        "state": request.state,
        "outcome": request.outcome,
        "created_at": write_moment(request.created_at),
        "ended_at": write_moment(request.ended_at),
    }


def _describe_data(version: ModelVersion) -> dict[str, Any]:
    """From the run's frozen snapshot, where there was a run."""
    run = version.training_run
    entries = run.snapshot.get("datasets", []) if run else []
    return {
        "fingerprint": version.data_fingerprint,
        "examples": version.metrics.get("examples") or {},
        "datasets": [{"id": entry["id"], "name": entry["name"], "images": entry["images"]} for entry in entries],
    }


def _describe_metrics(version: ModelVersion) -> dict[str, Any] | None:
    """As last evaluated, else the few figures that training itself measured; None where there are none."""
    measured = version.evaluation or version.metrics.get("holdout") or {}
    if measured.get("accuracy") is None:
        return None
    return {
        **{name: measured.get(name) for name in _FIGURES},
        "measured_at": measured.get("moment"),
        "per_label": [
            {
                "label": row.name,
                "count": row.count,
                "precision": row.precision,
                "recall": row.recall,
                "f1": row.f1,
                "threshold": row.threshold,
            }
            for row in label_rows(version)
        ],
        "confusion": version.evaluation.get("confusion"),
    }


def _changes(version: ModelVersion) -> list[LiveVersionChange]:
    rows = LiveVersionChange.objects.filter(version=version).select_related("user", "previous")
    return list(rows.defer("previous__manifest", "previous__metrics", "previous__evaluation")[:CHANGES_SHOWN])


def _describe_change(change: LiveVersionChange) -> dict[str, Any]:
    return {
        "at": write_moment(change.at),
        "replaced": name_version(change.previous) if change.previous else None,
        "by": change.user.get_username() if change.user else None,
        "reason": change.reason,
    }
