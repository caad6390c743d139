"""What a registered version answers on the holdout, through the same code that serves uploads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifier.promotion_gate import HoldoutAnswers
from ml.calibration import expected_calibration_error
from ml.data_types import Pixels, Predictor, Split
from ml.errors import MlError
from ml.evaluation import evaluate
from ml.training_examples import Selection, iterate_pictures

BATCH: Final = 256
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class HoldoutResult:
    """`truth` is the label's place in `labels`; `scores` (n, labels) has a column of zeros for a label not known."""

    labels: list[str]
    truth: NDArray[np.int32]
    scores: NDArray[np.float64]
    seconds_per_picture: float | None

    @property
    def truth_names(self) -> list[str]:
        return [self.labels[place] for place in self.truth.tolist()]

    def for_gate(self, name: str) -> HoldoutAnswers:
        """Answers by name, with the figures the gate looks at."""
        answered = self.scores.argmax(axis=1).tolist() if len(self.truth) else []
        error = expected_calibration_error(self.scores, self.truth)
        return HoldoutAnswers(name, [self.labels[place] for place in answered], error, self.seconds_per_picture)

    def measure(self) -> dict[str, Any]:
        """ml's metrics: accuracy with interval, per label, confusion."""
        return evaluate(self.scores, self.truth, self.labels)


def load_predictor(folder: Path) -> Predictor:
    """The artifact ready to answer, proved on one batch of noise. Raises ml's ArtifactError, MlError."""
    # TensorFlow: only where a model really runs, never when a command or task module is merely imported.
    from ml.inference import LoadedModel

    model = LoadedModel.load(folder)
    noise = np.random.default_rng(0).integers(0, 256, (2, *model.preprocessing.shape), dtype=np.uint8)
    for answer in model.predict(noise):
        if abs(sum(answer.scores) - 1) > 1e-3:
            raise MlError("The model's scores do not sum to 1.")
    return model


def answer_holdout(
    predictor: Predictor, selection: Selection, *, on_progress: OnProgress = lambda done, total: None
) -> HoldoutResult:
    """Predict every holdout picture in batches. The time is that of predicting alone."""
    known = list(predictor.labels)
    labels = known + [name for name in selection.labels if name not in known]
    place_of = {name: place for place, name in enumerate(labels)}
    total = selection.count(Split.HOLDOUT)
    truth, rows, waiting = list[int](), list[list[float]](), list[Pixels]()
    seconds = 0.0

    def predict_waiting() -> float:
        started = time.perf_counter()
        rows.extend(answer.scores for answer in predictor.predict(np.stack(waiting)))
        waiting.clear()
        on_progress(len(rows), total)
        return time.perf_counter() - started

    for _, label, pixels in iterate_pictures(selection, predictor.preprocessing, [Split.HOLDOUT]):
        truth.append(place_of[selection.labels[label]])
        waiting.append(pixels)
        if len(waiting) == BATCH:
            seconds += predict_waiting()
    if waiting:
        seconds += predict_waiting()
    scores = np.zeros((len(rows), len(labels)))
    if rows:
        scores[:, : len(known)] = rows
    return HoldoutResult(labels, np.asarray(truth, np.int32), scores, seconds / total if total else None)
