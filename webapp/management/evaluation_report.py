"""An evaluation as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_MATRIX_LABELS = 20
MOST_CONFUSIONS = 10


def describe_evaluation(version_number: int, metrics: dict[str, Any]) -> list[str]:
    """Accuracy, a table per label, and the confusion matrix, or its largest cells where there are many labels."""
    lines = [
        f"v{version_number}: {metrics['accuracy']:.2%} of {metrics['count']:,} pictures are right "
        f"(95 % interval {metrics['accuracy_low']:.2%} to {metrics['accuracy_high']:.2%}), "
        f"{metrics['top_3']:.2%} among the first three; calibration error {metrics['calibration_error']:.3f} "
        f"({metrics['calibration_error_before']:.3f} before its temperature). {_surely(metrics)}",
        *_changes(metrics.get("against")),
        "",
        *_per_label(metrics["per_label"]),
        "",
    ]
    names = [entry["label"] for entry in metrics["per_label"]]
    if metrics["confusion"] is not None and len(names) <= MOST_MATRIX_LABELS:
        return lines + _matrix(names, metrics["confusion"])
    return lines + _largest_confusions(names, metrics["confused_pairs"])


def _surely(metrics: dict[str, Any]) -> str:
    surely = f"{metrics['sure_share']:.1%} are answered surely"
    return f"{surely}, {metrics['sure_accuracy']:.2%} of these rightly." if metrics["sure_share"] else f"{surely}."


def _changes(against: dict[str, Any] | None) -> list[str]:
    if not against:
        return []
    return [
        f"Against v{against['number']}: {against['newly_right']:,} newly right, {against['newly_wrong']:,} newly wrong."
    ]


def _per_label(entries: Sequence[dict[str, Any]]) -> list[str]:
    width = max(len("label"), *(len(entry["label"]) for entry in entries))
    lines = [f"{'label':{width}}  pictures  precision  recall      F1"]
    for entry in entries:
        figures = "  ".join(_share(entry[name]) for name in ("precision", "recall", "f1"))
        lines.append(f"{entry['label']:{width}}  {entry['support']:8,}    {figures}")
    return lines


def _share(value: float | None) -> str:
    return "     -" if value is None else f"{value:6.1%}"


def _matrix(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[str]:
    cell = max(5, *(len(str(count)) for row in confusion for count in row))
    width = max(len(name) for name in names) + 4
    head = " " * width + " ".join(f"{place + 1:>{cell}}" for place in range(len(names)))
    rows = [
        f"{place + 1:>2}. {name:{width - 4}}" + " ".join(f"{count or '·':>{cell}}" for count in confusion[place])
        for place, name in enumerate(names)
    ]
    return ["Rows are the truth, columns the answers:", head, *rows]


def _largest_confusions(names: Sequence[str], pairs: Sequence[Sequence[int]]) -> list[str]:
    return [
        "Most frequent confusions:",
        *(f"{count:6,}  {names[truth]} taken for {names[answer]}" for truth, answer, count in pairs[:MOST_CONFUSIONS]),
    ]
