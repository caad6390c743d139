"""One version as its page shows it: where it comes from, what was measured, what the gate said. Reads rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from classifier.errors import NotFound
from classifier.models import LiveVersionChange, ModelVersion
from classifier.row_lookup import find_row
from classifier.run_sentences import percent

MOST_MATRIX_LABELS: Final = 30
MOST_PAIRS: Final = 20
MOST_LABEL_ROWS: Final = 150
SHADES: Final = 8


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What was measured of one label. `missing`: validation answers until its threshold is proven, 0 if it is."""

    place: int
    name: str
    count: int
    precision: float | None
    recall: float | None
    f1: float | None
    threshold: float | None
    missing: int

    @property
    def never_sure(self) -> bool:
        """No confidence was right often enough: every answer of this label is unsure."""
        return self.threshold is not None and self.threshold > 1


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the confusion table. `shade`: how much of its row lies here, 0 (nothing) to SHADES."""

    truth: int
    answer: int
    count: int
    shade: int
    words: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """All answers to the pictures of one label."""

    number: int
    name: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class NumberOfVerdict:
    """One of the numbers that a verdict rests on."""

    term: str
    words: str


def find_version(identifier: str) -> ModelVersion:
    """By id, with its classifier and run. Raises NotFound."""
    rows = ModelVersion.objects.select_related("classifier__live_version", "training_run")
    return find_row(rows, identifier, missing=f"There is no model version {identifier}.")


def label_names(version: ModelVersion) -> list[str]:
    """In the order of the confusion table: the version's own labels, then those of pictures it cannot name."""
    measured = [str(entry["label"]) for entry in version.evaluation.get("per_label", [])]
    return measured or version.labels


def label_rows(version: ModelVersion) -> list[LabelRow]:
    """Empty where the version was never evaluated."""
    thresholds = version.manifest.get("thresholds") or {}
    limits = dict(zip(version.labels, thresholds.get("per_label") or [], strict=False))
    missing = dict(zip(version.labels, thresholds.get("not_yet_proven") or [], strict=False))
    return [
        LabelRow(
            place,
            entry["label"],
            entry["support"],
            entry["precision"],
            entry["recall"],
            entry["f1"],
            limits.get(entry["label"]),
            int(missing.get(entry["label"], 0)),
        )
        for place, entry in enumerate(version.evaluation.get("per_label", []))
    ]


def weakest_label_rows(version: ModelVersion) -> list[LabelRow]:
    """All labels in their order; of more than a page can hold, those recognised worst, the worst first."""
    rows = label_rows(version)
    if len(rows) <= MOST_LABEL_ROWS:
        return rows
    return sorted(rows, key=lambda row: 1.0 if row.f1 is None else row.f1)[:MOST_LABEL_ROWS]


def confusion_rows(version: ModelVersion) -> list[MatrixRow]:
    """Empty where the version was never evaluated, and for more labels than a table can show."""
    names, matrix = label_names(version), version.evaluation.get("confusion")
    if not matrix or len(names) > MOST_MATRIX_LABELS:
        return []
    return [
        MatrixRow(
            truth + 1,
            names[truth],
            [
                Cell(truth, answer, count, _shade(count, sum(row)), describe_cell(names, truth, answer))
                for answer, count in enumerate(row)
            ],
        )
        for truth, row in enumerate(matrix)
    ]


def confused_pairs(version: ModelVersion) -> list[Cell]:
    """The most frequent confusions, most frequent first."""
    names = label_names(version)
    return [
        Cell(truth, answer, count, 0, describe_cell(names, truth, answer))
        for truth, answer, count in version.evaluation.get("confused_pairs", [])[:MOST_PAIRS]
    ]


def count_cell(version: ModelVersion, truth: int, answer: int) -> int:
    """How many pictures of label `truth` were answered with `answer`. Raises NotFound for places without a label.

    With so many labels that no matrix is kept, rare confusions count 0.
    """
    count = len(label_names(version))
    if not (version.evaluation.get("per_label") and 0 <= truth < count and 0 <= answer < count):
        raise NotFound("There is no such field in the confusion table.")
    matrix = version.evaluation.get("confusion")
    if matrix:
        return int(matrix[truth][answer])
    if truth == answer:
        row = version.evaluation["per_label"][truth]
        right: int = round((row["recall"] or 0) * row["support"])
        return right
    pairs = version.evaluation.get("confused_pairs", [])
    return next((int(found) for row, column, found in pairs if (row, column) == (truth, answer)), 0)


def describe_cell(names: Sequence[str], truth: int, answer: int) -> str:
    """“Coat taken for Shirt”."""
    if truth == answer:
        return f"{names[truth]}, rightly answered"
    return f"{names[truth]} taken for {names[answer]}"


def newest_live_change(version: ModelVersion) -> LiveVersionChange | None:
    """When and why the version last went live."""
    changes = LiveVersionChange.objects.filter(version=version)
    return changes.select_related("previous", "user").defer("previous__manifest", "previous__metrics").first()


def measured_at(version: ModelVersion) -> datetime | None:
    """The moment of the evaluation."""
    moment = version.evaluation.get("moment")
    return datetime.fromisoformat(moment) if moment else None


def pack_mark(version: ModelVersion) -> str:
    """What tells this evaluation's pictures from those of an earlier one; empty where none were kept."""
    parts = str(version.evaluation.get("pack") or "").split("/")
    return parts[-2] if len(parts) > 2 else ""


def verdict_numbers(verdict: Mapping[str, Any]) -> list[NumberOfVerdict]:
    """What the gate's sentences rest on, in words; those of a first version and of a comparison differ."""
    numbers = verdict.get("numbers") or {}
    return [
        NumberOfVerdict(term, write(numbers[name]))
        for name, term, write in _VERDICT_TERMS
        if numbers.get(name) is not None
    ]


def _count(value: float) -> str:
    return f"{value:,}"


def _share(value: float) -> str:
    return percent(value, digits=2)


def _error(value: float) -> str:
    return f"{value:.3f}"


_VERDICT_TERMS: Final = (
    ("pictures", "Holdout pictures", _count),
    ("right", "Right", _count),
    ("accuracy", "Accuracy", _share),
    ("majority_share", "Always the most frequent label", _share),
    ("newly_right", "Newly right", _count),
    ("newly_wrong", "Newly wrong", _count),
    ("accuracy_before", "Accuracy before", _share),
    ("accuracy_after", "Accuracy now", _share),
    ("gain_lower_bound", "Gain, lower bound", _share),
    ("p_value", "p", _error),
    ("mcnemar", "McNemar p", _error),
    ("calibration_error_before", "Calibration error before", _error),
    ("calibration_error_after", "Calibration error now", _error),
)


def _shade(count: int, row: int) -> int:
    """By the square root of the share, as few mistakes among many pictures must still be seen."""
    return max(1, round(SHADES * (count / row) ** 0.5)) if count else 0
