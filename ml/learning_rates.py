"""The optimizer and the course of its learning rate: a linear warm-up, then half a cosine down to almost nothing."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from ml.training_settings import TrainingSettings


@keras.saving.register_keras_serializable(package="whatsit")
class WarmUpCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras ships no types
    """Rises from 0 to `peak` over `warm_up_steps`, then falls to `peak / 1000` at `total_steps` (arXiv 1608.03983)."""

    def __init__(self, peak: float, warm_up_steps: int, total_steps: int) -> None:
        super().__init__()
        self.peak = peak
        self.warm_up_steps = keras.Variable(max(1, warm_up_steps), dtype="float32", trainable=False)
        self.total_steps = keras.Variable(max(2, warm_up_steps + 1, total_steps), dtype="float32", trainable=False)

    def __call__(self, step: Any) -> Any:
        position = ops.cast(step, "float32")
        rising = (position + 1) / self.warm_up_steps
        share = (position - self.warm_up_steps) / (self.total_steps - self.warm_up_steps)
        falling = 0.5 * (1 + ops.cos(math.pi * ops.clip(share, 0.0, 1.0)))
        return self.peak * ops.maximum(ops.where(position < self.warm_up_steps, rising, falling), 1e-3)

    def shorten(self, warm_up_steps: int, total_steps: int) -> None:
        """From now on end at `total_steps`; it also holds in a training step that is compiled already."""
        self.warm_up_steps.assign(max(1, warm_up_steps))
        self.total_steps.assign(max(2, warm_up_steps + 1, total_steps))

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "warm_up_steps": int(self.warm_up_steps.numpy()),
            "total_steps": int(self.total_steps.numpy()),
        }


def make_rate(settings: TrainingSettings, steps_per_epoch: int) -> WarmUpCosine:
    return WarmUpCosine(settings.peak_learning_rate, *count_steps(settings, settings.epochs, steps_per_epoch))


def count_steps(settings: TrainingSettings, epochs: int, steps_per_epoch: int) -> tuple[int, int]:
    """`(steps of warm-up, steps in all)`."""
    total = epochs * steps_per_epoch
    return round(settings.warm_up_share * total), total


def make_optimizer(settings: TrainingSettings, rate: WarmUpCosine) -> keras.optimizers.Optimizer:
    """AdamW (arXiv 1711.05101); norms and biases are not decayed."""
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
