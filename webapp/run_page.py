"""What the page of one training run shows beside its curves: its data, its settings and its report, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from classifier.models import GatePolicy, ModelVersion, TrainingRun
from classifier.run_sentences import percent

MOST_LABELS: Final = 100
LEFT_OUT: Final = {
    "equal_to_holdout": "equal to a holdout picture",
    "near_holdout": "nearly equal to a holdout picture",
    "equal_to_validation": "equal to a validation picture",
    "near_validation": "nearly equal to a validation picture",
    "label_without_training": "of a label without training pictures",
}
_WORDS: Final = {
    "recipe": "Recipe",
    "backbone": "Backbone",
    "head": "Head",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "image_size": "Image size",
    "seed": "Seed",
    "peak_learning_rate": "Learning rate",
    "mirror": "Mirrored pictures",
    "class_weights": "Rare labels count more",
    "fine_tune_epochs": "Fine-tuning epochs",
}
_PROMOTIONS: Final = {
    "auto": "goes live if the gate finds nothing against it",
    "never": "stays a candidate",
    "force": "goes live whatever the gate says",
}


@dataclass(frozen=True, slots=True)
class LabelRow:
    label: str
    counts: list[int]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the run learns from; the counts are known once it has begun."""

    datasets: list[dict[str, Any]]
    labels: list[str]
    splits: list[tuple[str, int]]
    rows: list[LabelRow]
    hidden_rows: int
    imbalance: str
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """How the run ended, where it made a version."""

    version: ModelVersion
    passed: bool | None
    sentences: list[str]
    accuracy: str
    interval: str
    pictures: int


def describe_data(run: TrainingRun) -> DataFacts:
    """From the frozen snapshot."""
    counts: dict[str, dict[str, int]] = run.snapshot.get("counts", {})
    splits = [split for split in ("train", "validation", "holdout") if split in counts]
    labels = list(dict.fromkeys(label for split in splits for label in counts[split]))
    rows = [LabelRow(label, [counts[split].get(label, 0) for split in splits]) for label in labels]
    left_out: dict[str, int] = run.snapshot.get("left_out", {})
    return DataFacts(
        datasets=run.snapshot.get("datasets", []),
        labels=run.snapshot.get("labels", []),
        splits=[(split, sum(counts[split].values())) for split in splits],
        rows=rows[:MOST_LABELS],
        hidden_rows=max(0, len(rows) - MOST_LABELS),
        imbalance=_say_imbalance(counts.get("train", {})),
        left_out=[f"{count:,} {LEFT_OUT.get(reason, reason)}" for reason, count in left_out.items() if count],
    )


def _say_imbalance(train: dict[str, int]) -> str:
    if len(train) < 2:
        return ""
    rarest, commonest = min(train, key=lambda label: train[label]), max(train, key=lambda label: train[label])
    times = train[commonest] / max(1, train[rarest])
    if times < 1.5:
        return "The labels are about equally frequent."
    return (
        f"“{commonest}” has {times:.1f} times as many training pictures as “{rarest}” "
        f"({train[commonest]:,} and {train[rarest]:,})."
    )


def describe_settings(run: TrainingRun, version: ModelVersion | None) -> list[tuple[str, str]]:
    """Name and value: what was asked for, and what the recipe chose once there is a version."""
    asked = {**run.settings, **run.settings.get("hyper_parameters", {})}
    chosen = version.manifest.get("recipe", {}) if version else {}
    known = {name: chosen.get(name, asked.get(name)) for name in _WORDS}
    if known["recipe"] == "small" or (known["recipe"] == "auto" and not chosen):
        known |= {"backbone": None, "head": None, "fine_tune_epochs": None, "class_weights": None}
    if not known["image_size"]:
        known["image_size"] = _input_side(version)
    lines = [(_WORDS[name], _say(value)) for name, value in known.items() if value not in (None, [], "")]
    lines.append(("Afterwards", _PROMOTIONS.get(str(asked.get("promote")), "")))
    if policy := asked.get("policy"):
        lines.append(("Gate", str(GatePolicy(policy).label)))
    return [(name, value) for name, value in lines if value]


def _input_side(version: ModelVersion | None) -> str | None:
    taken = version.manifest.get("preprocessing", {}) if version else {}
    return f"{taken['width']} by {taken['height']} pixels" if "width" in taken else None


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def describe_report(version: ModelVersion | None) -> Report | None:
    """The gate's verdict and the holdout's figures."""
    if version is None:
        return None
    holdout = version.metrics.get("holdout", {})
    is_measured = bool(holdout.get("count"))
    return Report(
        version=version,
        passed=version.verdict.get("passed"),
        sentences=version.verdict.get("sentences", []),
        accuracy=percent(holdout["accuracy"]) if is_measured else "",
        interval=f"{percent(holdout['accuracy_low'])} to {percent(holdout['accuracy_high'])}" if is_measured else "",
        pictures=holdout.get("count", 0),
    )
