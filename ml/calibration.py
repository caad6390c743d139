"""How sure an answer is: temperature, calibration error, thresholds for "unsure" and "unfamiliar". numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data_types import Floats

FEWEST_ANSWERS = 35
UNREACHABLE = 1.01
BINS = 15
TEMPERATURE_RANGE = (0.05, 20.0)
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidence under `per_label[label]` is unsure. `not_yet_proven[label]`: pictures still missing, 0 if proven."""

    per_label: list[float]
    target_precision: float
    not_yet_proven: list[int]

    def to_dict(self) -> dict[str, Any]:
        return {
            "per_label": self.per_label,
            "target_precision": self.target_precision,
            "not_yet_proven": self.not_yet_proven,
        }


def softmax(logits: Floats, temperature: float = 1.0) -> NDArray[np.float64]:
    """(n, labels) logits → (n, labels) probabilities, rows sum to 1."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def log_sum_exp(logits: Floats) -> NDArray[np.float64]:
    values = np.asarray(logits, np.float64)
    peak = values.max(axis=1)
    return np.asarray(peak + np.log(np.exp(values - peak[:, None]).sum(axis=1)))


def negative_log_likelihood(logits: Floats, labels: NDArray[Any], temperature: float = 1.0) -> float:
    scaled = np.asarray(logits, np.float64) / temperature
    return float(np.mean(log_sum_exp(scaled) - scaled[np.arange(len(labels)), labels]))


def fit_temperature(logits: Floats, labels: NDArray[Any]) -> float:
    """The temperature with the smallest negative log-likelihood (Guo et al., arXiv 1706.04599).

    Golden-section search over its logarithm; 1.0 where there is nothing to fit on.
    """
    if not len(labels):
        return 1.0
    low, high = (math.log(bound) for bound in TEMPERATURE_RANGE)
    ratio = (math.sqrt(5) - 1) / 2

    def loss(position: float) -> float:
        return negative_log_likelihood(logits, labels, math.exp(position))

    left, right = high - ratio * (high - low), low + ratio * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > 1e-4:
        if loss_left < loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - ratio * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + ratio * (high - low)
            loss_right = loss(right)
    return math.exp((low + high) / 2)


def expected_calibration_error(scores: Floats, labels: NDArray[Any], bins: int = BINS) -> float:
    """Mean |accuracy - confidence| over equal-width confidence bins, weighted by their size (Guo et al.)."""
    if not len(labels):
        return 0.0
    confidence = np.asarray(scores, np.float64).max(axis=1)
    right = scores.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def wilson_interval(successes: int, count: int, z: float = NORMAL_95) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); (0, 1) for no observations."""
    if not count:
        return 0.0, 1.0
    share = successes / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # The ends are never on the wrong side of the share itself, however the last digit was rounded.
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def wilson_lower_bounds(successes: NDArray[Any], counts: NDArray[Any], z: float = NORMAL_95) -> NDArray[np.float64]:
    """The lower ends of `wilson_interval` for many shares at once; every count above 0."""
    share = successes / counts
    centre = (share + z * z / (2 * counts)) / (1 + z * z / counts)
    half = z / (1 + z * z / counts) * np.sqrt(share * (1 - share) / counts + z * z / (4 * counts * counts))
    return np.asarray(np.maximum(0.0, centre - half), np.float64)


def smallest_proven_threshold(confidence: Floats, right: NDArray[np.bool_], target: float) -> float | None:
    """The smallest confidence at and above which precision is proven ≥ target by Wilson's lower bound, or None."""
    if not len(confidence):
        return None
    order = np.argsort(-confidence, kind="stable")
    ordered, counts = confidence[order], np.arange(1, len(order) + 1)
    ends_a_tie = np.append(ordered[1:] < ordered[:-1], True)
    is_proven = ends_a_tie & (wilson_lower_bounds(np.cumsum(right[order]), counts) >= target)
    places = np.flatnonzero(is_proven)
    return float(ordered[places[-1]]) if len(places) else None


def find_thresholds(scores: Floats, labels: NDArray[Any], target: float) -> Thresholds:
    """Per label from its own validation answers; under 35 of them from all; under 35 in all, the target itself."""
    confidence, answers = np.asarray(scores).max(axis=1), np.asarray(scores).argmax(axis=1)
    right = answers == labels
    missing = max(0, FEWEST_ANSWERS - len(labels))
    whole = (target, missing) if missing else choose_threshold(confidence, right, target)
    chosen: list[tuple[float, int]] = []
    for label in range(scores.shape[1]):
        mine = answers == label
        enough = int(mine.sum()) >= FEWEST_ANSWERS
        chosen.append(choose_threshold(confidence[mine], right[mine], target) if enough else whole)
    return Thresholds([each for each, _ in chosen], target, [lacking for _, lacking in chosen])


def choose_threshold(confidence: Floats, right: NDArray[np.bool_], target: float) -> tuple[float, int]:
    """`(threshold, pictures missing for a proof)`.

    Where no confidence is proven, the calibrated confidence itself must reach the target, marked as not yet proven;
    but where answers that confident are shown to be worse than the target, every answer is unsure.
    """
    proven = smallest_proven_threshold(confidence, right, target)
    if proven is not None:
        return proven, 0
    confident = confidence >= target
    best_case = wilson_interval(int(right[confident].sum()), int(confident.sum()))[1]
    return (target, FEWEST_ANSWERS) if best_case >= target else (UNREACHABLE, 0)


def energies(logits: Floats) -> NDArray[np.float64]:
    """Energy score -logsumexp(logits): high for pictures like nothing trained on (Liu et al., arXiv 2010.03759)."""
    return -log_sum_exp(logits)


def find_energy_threshold(logits: Floats) -> float | None:
    """The 99th percentile of validation energies; None (nothing is unfamiliar) without validation pictures."""
    return float(np.percentile(energies(logits), 99)) if len(logits) else None
