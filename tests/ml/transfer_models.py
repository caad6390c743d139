"""Colour pictures, and settings with a random backbone, so small that a test of `transfer` takes seconds."""

from __future__ import annotations

import numpy as np

from ml.backbones import choose_input, find_backbone
from ml.data_types import LabelledImages, TrainingData
from ml.training_settings import TrainingSettings

SIDE = 32
SMALL_TRANSFER = TrainingSettings.from_dict(
    {
        "recipe": "transfer",
        "backbone": "mobilenet",
        "backbone_weights": "none",
        "epochs": 12,
        "batch_size": 8,
        "peak_learning_rate": 0.01,
        "mixed_precision": "off",
        "seed": 3,
    }
)


def draw_colours(count: int, seed: int) -> LabelledImages:
    """Two kinds of pictures: mostly red, mostly blue."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    images = random.integers(0, 90, (count, SIDE, SIDE, 3), dtype=np.uint8)
    images[labels == 0, ..., 0] += 150
    images[labels == 1, ..., 2] += 150
    return LabelledImages(images, labels)


def make_colour_data(backbone: str = "mobilenet") -> TrainingData:
    train, validation, holdout = (draw_colours(count, seed) for seed, count in enumerate((24, 12, 12)))
    preprocessing = choose_input(find_backbone(backbone), SIDE)
    return TrainingData(["red", "blue"], preprocessing, train, validation, holdout, fingerprint="colours")
