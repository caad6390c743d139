"""A head of dense layers, learned on features that have been computed before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.class_balance import weigh_labels
from ml.data_types import Floats, Integers, Progress
from ml.feature_cache import Features
from ml.inference import named_weights
from ml.learning_rates import make_optimizer, make_rate
from ml.publishing import measure_logits
from ml.run_callback import RunCallback, StoppedError
from ml.training_settings import TrainingSettings
from ml.transfer_network import LOGITS, add_head, dense_name

NORM_EPSILON, SMALLEST_VARIANCE = 1e-3, 1e-12
"""Added to a feature's variance, the first as a share of the mean variance: one that never moves stays small."""
ROWS, ROW_VALUES = 1024, 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """`features` float16 (n, views, f): of each picture as it is and, with two views, mirrored; `labels` int32 (n,)."""

    features: Features
    labels: Integers

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Standardisation:
    """What brings features to mean 0 and spread 1; a batch norm with the statistics of all training pictures."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    def apply(self, features: Floats) -> NDArray[np.float32]:
        return (features.astype(np.float32) - self.mean) * self.scale

    @classmethod
    def of(cls, examples: FeatureSet) -> Standardisation:
        """In two passes over (n, views, f), so that memory stays small and precision does not suffer."""
        rows = count_rows(examples.features)
        count = len(examples) * examples.features.shape[1]
        pieces = [examples.features[start : start + rows] for start in range(0, len(examples), rows)]
        mean = sum(piece.sum(axis=(0, 1), dtype=np.float64) for piece in pieces) / count
        variance = sum(np.square(piece - mean).sum(axis=(0, 1)) for piece in pieces) / count
        scale = 1 / np.sqrt(variance + NORM_EPSILON * variance.mean() + SMALLEST_VARIANCE)
        return cls(np.asarray(mean, np.float32), np.asarray(scale, np.float32))


class FeatureBatches:
    """Shuffled batches of an epoch: standardised float32 (batch, f), one-hot labels (batch, outputs), weights (batch,).

    Of each picture one view at random. The same (seed, epoch) gives the same batches; no picture is left out.
    """

    def __init__(self, examples: FeatureSet, norm: Standardisation, outputs: int, settings: TrainingSettings) -> None:
        self.examples, self.norm, self.settings = examples, norm, settings
        self.answers = np.eye(outputs, dtype=np.float32)
        self.label_weights = weigh_labels(examples.labels, outputs, wanted=settings.class_weights)
        self.start_at(0)

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self.settings.batch_size)

    def __iter__(self) -> Iterator[tuple[Floats, Floats, Floats]]:
        weights = np.asarray(self.label_weights, np.float32)
        for start in range(0, len(self.examples), self.settings.batch_size):
            chosen = self.order[start : start + self.settings.batch_size]
            labels = self.examples.labels[chosen]
            rows = self.norm.apply(self.examples.features[chosen, self.views[chosen]])
            yield rows, self.answers[labels], weights[labels]

    def start_at(self, epoch: int) -> None:
        random = np.random.default_rng((self.settings.seed, epoch, 0))
        self.order = random.permutation(len(self.examples))
        self.views = random.integers(0, self.examples.features.shape[1], len(self.examples))


class HeadRun:
    """Trains a head; keeps the weights of the epoch with the lowest validation loss."""

    def __init__(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        outputs: int,
        settings: TrainingSettings,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.settings, self.epochs, self.validation = settings, settings.epochs, validation
        self.on_progress, self.should_stop = on_progress, should_stop
        self.norm = Standardisation.of(train)
        self.batches = FeatureBatches(train, self.norm, outputs, settings)
        inputs = keras.Input((train.features.shape[-1],), name="features")
        self.network = keras.Model(
            inputs, add_head(inputs, settings.head, outputs, settings.dropout, settings.l2_penalty)
        )
        self.optimizer = make_optimizer(settings, make_rate(settings, len(self.batches)))
        self.network.compile(
            optimizer=self.optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=False,
        )
        self.history: list[Progress] = []
        self.best_epoch, self.best_loss = 0, float("inf")
        self.best = self.folded()

    def fit(self) -> bool:
        """False where the run was stopped."""
        news = RunCallback(self)
        with suppress(StoppedError):
            for epoch in range(self.epochs):
                self.batches.start_at(epoch)
                self.network.reset_metrics()
                news.on_epoch_begin(epoch)
                logs = self.run_epoch(news)
                if not self.end_epoch(news.news(len(self.batches), logs)):
                    break
            return True
        return False

    def run_epoch(self, news: RunCallback) -> dict[str, float]:
        """Step by step without Keras' loop, which takes twice the time of so small a step.

        Keras tells the figures of one batch here; what is told are their means over the epoch so far.
        """
        logs: dict[str, float] = {}
        seen = 0
        for step, (rows, answers, weights) in enumerate(self.batches):
            figures = self.network.train_on_batch(rows, answers, sample_weight=weights, return_dict=True)
            seen += len(rows)
            share = len(rows) / seen
            logs = {name: (1 - share) * logs.get(name, 0.0) + share * float(each) for name, each in figures.items()}
            news.on_train_batch_end(step, logs)
        return logs

    def end_step(self, step: int) -> None:
        """Nothing to do."""

    def end_epoch(self, news: Progress) -> bool:
        weights = self.folded()
        loss, accuracy = measure_logits(apply_head(weights, self.validation.features), self.validation.labels)
        told = replace(news, validation_loss=loss, validation_accuracy=accuracy)
        self.history.append(told)
        self.on_progress(told)
        if loss < self.best_loss:
            self.best_epoch, self.best_loss, self.best = news.epoch, loss, weights
        return not self.settings.patience_epochs or news.epoch - self.best_epoch < self.settings.patience_epochs

    def folded(self) -> dict[str, NDArray[np.float32]]:
        """ "layer/variable" → weights for plain features: the standardisation is worked into the first layer."""
        weights = {name: np.asarray(each, np.float32).copy() for name, each in named_weights(self.network).items()}
        first = dense_name(0) if self.settings.head else LOGITS
        kernel = weights[f"{first}/kernel"] * self.norm.scale[:, None]
        weights[f"{first}/bias"] = weights[f"{first}/bias"] - self.norm.mean @ kernel
        weights[f"{first}/kernel"] = kernel
        return weights


def apply_head(weights: dict[str, NDArray[np.float32]], features: Features) -> NDArray[np.float32]:
    """Features (n, views, f) → logits (n, outputs), the mean over the views."""
    outputs = weights[f"{LOGITS}/bias"].shape[0]
    logits = np.zeros((len(features), outputs), np.float32)
    depth = sum(name.startswith("dense") for name in weights) // 2
    rows = count_rows(features)
    for start in range(0, len(features), rows):
        values = features[start : start + rows].astype(np.float32)
        for place in range(depth):
            layer = dense_name(place)
            values = np.maximum(values @ weights[f"{layer}/kernel"] + weights[f"{layer}/bias"], 0)
        answers = values @ weights[f"{LOGITS}/kernel"] + weights[f"{LOGITS}/bias"]
        logits[start : start + rows] = answers.mean(axis=1)
    return logits


def count_rows(features: Features) -> int:
    """How many pictures (of n, views, f) are worked on at once, so that wide features do not fill the memory."""
    return max(1, min(ROWS, ROW_VALUES // math.prod(features.shape[1:])))


def describe_head(run: HeadRun) -> dict[str, Any]:
    """What the manifest tells of the head's training."""
    return {"best_epoch": run.best_epoch + 1, "class_weights": run.batches.label_weights}
