"""Data and settings so small that a test trains in seconds."""

from __future__ import annotations

import numpy as np

from ml.data_types import LabelledImages, TrainingData
from ml.preprocessing import Preprocessing
from ml.training_settings import TrainingSettings

TINY_INPUT = Preprocessing("grey_bright_on_dark", 8, 8, 1)
TINY_SETTINGS = TrainingSettings(
    epochs=3,
    batch_size=8,
    shift_pixels=1,
    network_settings={"stem": 4, "widths": [4, 8], "blocks": [1, 1]},
    mixed_precision="off",
    seed=3,
)


def draw_examples(count: int, seed: int) -> LabelledImages:
    """Two kinds of 8x8 pictures: a bright upper half, a bright lower half."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    images = random.integers(0, 60, (count, 8, 8, 1), dtype=np.uint8)
    images[labels == 0, :4] += 150
    images[labels == 1, 4:] += 150
    return LabelledImages(images, labels)


def make_tiny_data() -> TrainingData:
    train, validation, holdout = (draw_examples(count, seed) for seed, count in enumerate((48, 40, 40)))
    return TrainingData(["upper", "lower"], TINY_INPUT, train, validation, holdout, fingerprint="tiny")
