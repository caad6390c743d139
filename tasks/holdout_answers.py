"""What a registered version answers on the holdout, through the same code that serves uploads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifier.promotion_gate import HoldoutAnswers
from ml.calibration import expected_calibration_error, softmax
from ml.data_types import Pixels, Predictor, Split
from ml.evaluation import evaluate
from ml.target_curves import choose_thresholds, describe_sure, measure_targets
from ml.training_examples import Selection, iterate_pictures
from tasks.proving import check_answers

BATCH: Final = 256
SMALLEST_SCORE: Final = 1e-300
"""Scores are softmax(logits / temperature), so their logarithm times the temperature is the logits again."""
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class HoldoutResult:
    """`truth` is the label's place in `labels`; `scores` (n, labels) has a column of zeros for a label not known."""

    labels: list[str]
    truth: NDArray[np.int32]
    scores: NDArray[np.float64]
    unsure: NDArray[np.bool_]
    unfamiliar: NDArray[np.bool_]
    seconds_per_picture: float | None

    @property
    def truth_names(self) -> list[str]:
        return [self.labels[place] for place in self.truth.tolist()]

    @property
    def answers(self) -> NDArray[np.int64]:
        """The answer's place in `labels`."""
        return self.scores.argmax(axis=1) if len(self.truth) else np.zeros(0, np.int64)

    def for_gate(self, name: str) -> HoldoutAnswers:
        """Answers by name, with the figures the gate looks at."""
        error = expected_calibration_error(self.scores, self.truth)
        names = [self.labels[place] for place in self.answers.tolist()]
        return HoldoutAnswers(name, names, error, self.seconds_per_picture)

    def measure(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """ml's metrics, the error before calibration, and what is answered surely, now and for other targets.

        Thresholds for other targets come from the manifest, where validation chose them; an older manifest has none,
        and `target_curve_from` says that these pictures themselves had to serve, which flatters.
        """
        if not len(self.truth):
            return {"count": 0}
        chosen = (manifest.get("thresholds") or {}).get("per_target") or []
        thresholds = chosen or choose_thresholds(self.scores, self.truth)
        uncalibrated = softmax(np.log(np.maximum(self.scores, SMALLEST_SCORE)), 1 / manifest.get("temperature", 1.0))
        return {
            **evaluate(self.scores, self.truth, self.labels),
            "calibration_error_before": expected_calibration_error(uncalibrated, self.truth),
            **describe_sure(~self.unsure, self.answers == self.truth),
            "target_curve": measure_targets(self.scores, self.truth, self.unfamiliar, thresholds),
            "target_curve_from": "validation" if chosen else "holdout",
        }


def load_predictor(folder: Path) -> Predictor:
    """The artifact ready to answer, proved on noise and its golden answers. Raises ml's ArtifactError, MlError."""
    # TensorFlow: only where a model really runs, never when a command or task module is merely imported.
    from ml.inference import LoadedModel

    model = LoadedModel.load(folder)
    check_answers(model, folder)
    return model


def answer_holdout(
    predictor: Predictor, selection: Selection, *, on_progress: OnProgress = lambda done, total: None
) -> HoldoutResult:
    """Predict every holdout picture in batches. The time is that of predicting alone."""
    known = list(predictor.labels)
    labels = known + [name for name in selection.labels if name not in known]
    place_of = {name: place for place, name in enumerate(labels)}
    total = selection.count(Split.HOLDOUT)
    truth, waiting = list[int](), list[Pixels]()
    scores, doubts = np.zeros((total, len(labels))), np.zeros((2, total), np.bool_)
    seconds, done = 0.0, 0

    def predict_waiting() -> float:
        started = time.perf_counter()
        answers = predictor.predict(np.stack(waiting))
        taken = time.perf_counter() - started
        places = slice(done, done + len(answers))  # row by row into arrays: lists of many labels take gigabytes
        scores[places, : len(known)] = [answer.scores for answer in answers]
        doubts[:, places] = [[each.unsure for each in answers], [each.unfamiliar for each in answers]]
        waiting.clear()
        return taken

    for _, label, pixels in iterate_pictures(selection, predictor.preprocessing, [Split.HOLDOUT]):
        truth.append(place_of[selection.labels[label]])
        waiting.append(pixels)
        if len(waiting) == BATCH or len(truth) == total:
            seconds += predict_waiting()
            done = len(truth)
            on_progress(done, total)
    unsure, unfamiliar = doubts
    per_picture = seconds / total if total else None
    return HoldoutResult(labels, np.asarray(truth, np.int32), scores, unsure, unfamiliar, per_picture)
