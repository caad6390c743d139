"""Exponential moving average of a network's weights, the ones that are published (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

STEPS_BETWEEN = 8


class AveragedWeights:
    """Averages all weights, batch statistics included, every STEPS_BETWEEN steps so that it costs little."""

    def __init__(self, network: keras.Model, momentum: float) -> None:
        self.weights = network.weights
        self.momentum = momentum**STEPS_BETWEEN
        self.values = [np.copy(keras.ops.convert_to_numpy(weight)) for weight in self.weights]

    def update(self, step: int) -> None:
        """Call it after every training step; early on the average follows the weights more closely."""
        if step % STEPS_BETWEEN:
            return
        keep = min(self.momentum, (1 + step) / (10 * STEPS_BETWEEN + step))
        for value, weight in zip(self.values, self.weights, strict=True):
            if np.issubdtype(value.dtype, np.floating):
                np.copyto(value, keep * value + (1 - keep) * keras.ops.convert_to_numpy(weight))

    def swap_in(self) -> None:
        """Replace the network's weights by their average, for good."""
        for value, weight in zip(self.values, self.weights, strict=True):
            weight.assign(value)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network holds the averaged weights inside, and its own again after."""
        own = [np.copy(keras.ops.convert_to_numpy(weight)) for weight in self.weights]
        self.swap_in()
        try:
            yield
        finally:
            for value, weight in zip(own, self.weights, strict=True):
                weight.assign(value)
