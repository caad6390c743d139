"""Golden answers: a few validation pictures with the scores the training process got, to prove a loaded model by."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.array_files import read_arrays
from ml.artifact import GOLDEN, ArtifactError
from ml.data_types import Floats, Pictures, Pixels, Predictor
from ml.errors import MlError

MOST_PICTURES: Final = 16
FEWEST_PICTURES: Final = 2
MOST_PIXEL_BYTES: Final = 256 * 1024
MOST_FILE_BYTES: Final = 8 * 1024 * 1024
TOLERANCE: Final = 0.15
"""Weights in 16 bits and folded norms move a score by up to 0.01; a network trained in bfloat16 and asked in float32,
or the other way round, by up to 0.07 (MobileNet, measured)."""
CLEAR_LEAD: Final = 2 * TOLERANCE
"""A best score that leads by so much stays the best while every score stays within the tolerance."""


def choose_golden(images: Pictures, scores: Floats) -> dict[str, NDArray[Any]]:
    """`{"pixels", "scores"}` of up to 16 pictures, as many as fit in 256 KB but two at least; {} where there are fewer.

    Every answered label in turn, and of its pictures the least certain whose answer is clear: a certain answer hardly
    moves when a weight is wrong, and one without a lead may turn by rounding alone.
    """
    if len(images) < FEWEST_PICTURES:
        return {}
    fitting = max(FEWEST_PICTURES, MOST_PIXEL_BYTES // images[0].nbytes)
    first, second = np.sort(scores, axis=1)[:, -1], np.sort(scores, axis=1)[:, -2]
    lead = first - second
    by_label: dict[int, list[int]] = defaultdict(list)
    for place in np.lexsort((lead, lead < CLEAR_LEAD)).tolist():
        by_label[int(scores[place].argmax())].append(place)
    in_turn = chain.from_iterable(zip_longest(*(by_label[label] for label in sorted(by_label))))
    chosen = [place for place in in_turn if place is not None][: min(MOST_PICTURES, fitting)]
    return {"pixels": images[chosen], "scores": scores[chosen].astype(np.float32)}


def check_golden(model: Predictor, folder: Path) -> int:
    """Ask the model for its golden answers; returns for how many pictures, 0 where the artifact has none.

    Raises MlError where an answer is another than in training, or a score further off than rounding explains.
    """
    if not (folder / GOLDEN).exists():
        return 0
    pixels, expected = read_golden(folder, model)
    found = np.asarray([answer.scores for answer in model.predict(pixels)])
    if not np.isfinite(found).all():
        raise MlError("The model's scores for its stored test pictures are not numbers.")
    is_clear = np.sort(expected, axis=1)[:, -1] - np.sort(expected, axis=1)[:, -2] >= CLEAR_LEAD
    others = int((is_clear & (found.argmax(axis=1) != expected.argmax(axis=1))).sum())
    if others:
        raise MlError(
            f"The model answers {others} of its {len(pixels)} stored test pictures otherwise than in training."
        )
    furthest = float(np.abs(found - expected).max())
    if furthest > TOLERANCE:
        raise MlError(
            f"The model's scores for its stored test pictures are up to {furthest:.2f} away from those in training; "
            f"rounding explains {TOLERANCE:g}."
        )
    return len(pixels)


def read_golden(folder: Path, model: Predictor) -> tuple[Pixels, Floats]:
    """Prepared pixels uint8 (n, height, width, channels) and calibrated scores (n, labels). Raises MlError."""
    arrays = read_arrays(folder / GOLDEN, MOST_FILE_BYTES)
    pixels, scores = arrays.get("pixels"), arrays.get("scores")
    if pixels is None or scores is None or pixels.dtype != np.uint8 or pixels.shape[1:] != model.preprocessing.shape:
        raise ArtifactError(f"{GOLDEN} does not hold pictures as this model takes them.")
    if not 1 <= len(pixels) <= MOST_PICTURES or scores.shape != (len(pixels), len(model.labels)):
        raise ArtifactError(f"{GOLDEN} does not hold one score a label for each of its pictures.")
    if not np.isfinite(scores).all():
        raise ArtifactError(f"{GOLDEN} holds scores that are not finite.")
    return pixels, scores
