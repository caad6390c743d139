"""Two versions of a classifier side by side, from what was measured of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from classifier.models import ModelVersion
from classifier.run_sentences import NARROW, percent
from classifier.version_report import label_rows

MINUS: Final = "\u2212"
DASH: Final = "\u2013"
MOST_LABELS: Final = 15


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of both, as text; `difference` is this version's less the other's, in `unit`.

    `direction`: better, worse, or empty where nothing can or need be said.
    """

    name: str
    mine: str
    theirs: str
    difference: str
    direction: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`caution` says why the figures may not be set side by side; `labels`: those whose recall changed most."""

    other: ModelVersion
    figures: list[Pair]
    labels: list[Pair]
    caution: str


def compare_versions(version: ModelVersion, other: ModelVersion) -> Comparison:
    """Figures that one of them lacks are dashes."""
    mine, theirs = version.evaluation, other.evaluation
    figures = [
        _pair(name, mine.get(key), theirs.get(key), write, sign)
        for name, key, write, sign in (
            ("Accuracy", "accuracy", _share, 1),
            ("Among the first three", "top_3", _share, 1),
            ("Answered surely", "sure_share", _share, 1),
            ("Right where sure", "sure_accuracy", _share, 1),
            ("Calibration error", "calibration_error", _error, -1),
        )
    ]
    return Comparison(other, figures, _compare_labels(version, other), _caution(version, other))


def _compare_labels(version: ModelVersion, other: ModelVersion) -> list[Pair]:
    theirs = {row.name: row.recall for row in label_rows(other)}
    mine = {row.name: row.recall for row in label_rows(version)}
    names = list(dict.fromkeys([*mine, *theirs]))
    names.sort(key=lambda name: -abs((mine.get(name) or 0) - (theirs.get(name) or 0)))
    return [_pair(name, mine.get(name), theirs.get(name), _share, 1) for name in names[:MOST_LABELS]]


def _caution(version: ModelVersion, other: ModelVersion) -> str:
    if not (version.evaluation and other.evaluation):
        missing = version if not version.evaluation else other
        return f"{missing} has not been measured yet: evaluate it first."
    if version.evaluation.get("holdout_digest") != other.evaluation.get("holdout_digest"):
        return (
            f"They were measured on different pictures ({version.evaluation.get('count', 0):,} and "
            f"{other.evaluation.get('count', 0):,}). For a fair comparison evaluate both again."
        )
    return ""


def _pair(name: str, mine: Any, theirs: Any, write: Callable[[float], str], sign: int) -> Pair:
    left, right = (DASH if value is None else write(value) for value in (mine, theirs))
    if mine is None or theirs is None:
        return Pair(name, left, right, DASH)
    text = write(abs(mine - theirs))
    if text == write(0):
        return Pair(name, left, right, "same")
    change = mine - theirs
    direction = "better" if change * sign > 0 else "worse"
    number, _, percent_sign = text.partition(NARROW)
    unit = "points" if percent_sign else ""
    return Pair(name, left, right, f"{'+' if change > 0 else MINUS}{number}", direction, unit)


def _share(value: float) -> str:
    return percent(value)


def _error(value: float) -> str:
    return f"{value:.3f}"
