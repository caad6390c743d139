"""How classifiers and their labels look to programs."""

from __future__ import annotations

from typing import Any

from classifier.label_counts import LabelCount
from classifier.live_report import read_live_report
from classifier.models import Classifier, ModelVersion
from classifier.presentation import write_moment
from classifier.training_schedule import describe_schedule
from classifier.version_figures import read_accuracy
from classifier.version_presentation import describe_accuracy


def describe_classifier(classifier: Classifier) -> dict[str, Any]:
    """What everybody may know who sends it pictures: its labels in their order, and which version answers."""
    live = classifier.live_version
    return {
        "slug": classifier.slug,
        "name": classifier.name,
        "is_default": classifier.is_default,
        "labels": [label.name for label in classifier.labels.all()],
        "live_version": live.number if live else None,
        "live_model": str(live.id) if live else None,
    }


def describe_whole_classifier(classifier: Classifier) -> dict[str, Any]:
    """And what people who work on it know: thresholds, schedule, gate, how right it is."""
    return {**describe_classifier(classifier), "work": _describe_work(classifier)}


def describe_label(label: LabelCount) -> dict[str, Any]:
    """One label's pictures."""
    return {
        "name": label.name,
        "images": label.total,
        "train": label.train,
        "validation": label.validation,
        "holdout": label.holdout,
        "reviewed": label.reviewed,
        "missing": label.missing,
    }


def _describe_work(classifier: Classifier) -> dict[str, Any]:
    live = classifier.live_version
    return {
        "target_precision": classifier.target_precision,
        "left_right_differ": classifier.left_right_differ,
        "thresholds": _describe_thresholds(live),
        "schedule": {
            "every_hours": classifier.train_every_hours,
            "after_examples": classifier.train_after_examples,
            "next_at": write_moment(classifier.next_training_at),
            "sentence": describe_schedule(classifier),
            "outcome": classifier.schedule_outcome,
        },
        "gate": {"policy": classifier.gate_policy, "margin": classifier.gate_margin},
        "measured_accuracy": describe_accuracy(read_accuracy(live)) if live else None,
        "live_accuracy": _describe_live_accuracy(classifier),
    }


def _describe_thresholds(live: ModelVersion | None) -> list[dict[str, Any]]:
    """Per label of the live version: answers less sure than this are `unsure`."""
    if live is None:
        return []
    limits = (live.manifest.get("thresholds") or {}).get("per_label") or []
    return [{"label": name, "threshold": limit} for name, limit in zip(live.labels, limits, strict=False)]


def _describe_live_accuracy(classifier: Classifier) -> dict[str, Any] | None:
    """From the audit; None where nothing is live, figures of it None under too few answers."""
    estimate = read_live_report(classifier).live
    if estimate is None:
        return None
    return {
        "value": estimate.accuracy,
        "low": estimate.low,
        "high": estimate.high,
        "drawn": estimate.drawn,
        "answered": estimate.answered,
    }
