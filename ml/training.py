"""One training run from prepared examples to a checked artifact, resumable after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from ml.averaging import AveragedWeights
from ml.checkpoints import read_checkpoint, write_checkpoint
from ml.data_types import MlError, Progress, TrainingData, TrainingOutcome, TrainingSettings
from ml.device import choose_number_format, grow_gpu_memory
from ml.inference import compile_logits
from ml.learning_rates import WarmUpCosine
from ml.networks import build_network
from ml.pipelines import AugmentedBatches
from ml.publishing import measure_logits, predict_logits, publish


def train(
    data: TrainingData,
    settings: TrainingSettings,
    *,
    folder: Path,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    checkpoint: Path | None = None,
) -> TrainingOutcome:
    """Train, calibrate on validation, measure on the holdout, write the artifact into `folder` (which must not exist).

    `on_progress` hears every step and every epoch; `should_stop` is asked after every step, and a stopped run writes
    no artifact. With `checkpoint` (a file) the state is written after each epoch, and a run that finds one there goes
    on from it: on a CPU it ends with the weights of an uninterrupted run, since the batches of an epoch follow from
    (seed, epoch). Raises MlError for data too small to train on.
    """
    check_data(data)
    grow_gpu_memory()
    started = time.monotonic()
    run = TrainingRun(data, settings, on_progress, should_stop, checkpoint)
    finished = run.fit()
    metrics: dict[str, Any] = {}
    if finished:
        run.average.swap_in()
        metrics = publish(run.network, data, settings, folder, run.describe())
    return TrainingOutcome(finished, run.epochs_done, time.monotonic() - started, run.history, metrics)


def check_data(data: TrainingData) -> None:
    if len(data.labels) < 2:
        raise MlError(f"Training needs at least two labels, not {len(data.labels)}.")
    missing = sorted(set(range(len(data.labels))) - set(data.train.labels.tolist()))
    if missing:
        names = ", ".join(data.labels[index] for index in missing[:5])
        raise MlError(f"{len(missing)} label(s) have no training picture: {names}.")
    if not len(data.validation):
        raise MlError("No picture fell to validation; a few more pictures are needed before training.")


class TrainingRun:
    """The moving parts of a run: network, optimizer, averaged weights, batches, news."""

    def __init__(
        self,
        data: TrainingData,
        settings: TrainingSettings,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        checkpoint: Path | None,
    ) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.data, self.settings, self.checkpoint = data, settings, checkpoint
        self.on_progress, self.should_stop = on_progress, should_stop
        self.number_format = choose_number_format(settings.mixed_precision)
        self.network = build_network(
            settings.network, network_settings(settings), data.preprocessing, len(data.labels), self.number_format
        )
        self.batches = AugmentedBatches(data.train, len(data.labels), settings)
        self.optimizer = make_optimizer(settings, len(self.batches))
        self.network.compile(
            optimizer=self.optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=False,
        )
        self.optimizer.build(self.network.trainable_variables)
        self.average = AveragedWeights(self.network, settings.average_momentum)
        self.logits = compile_logits(self.network, data.preprocessing, settings.mirror and settings.mirror_average)
        self.history: list[Progress] = []
        self.epochs_done = 0

    def fit(self) -> bool:
        """Run the epochs that are missing; False where the run was stopped before its end."""
        if self.checkpoint is not None and self.checkpoint.exists():
            self.epochs_done = read_checkpoint(self.checkpoint, self.state(), self.data.fingerprint, self.settings)
        if self.epochs_done < self.settings.epochs:
            self.batches.start_at(self.epochs_done)
            with suppress(StoppedError):
                self.network.fit(
                    self.batches,
                    epochs=self.settings.epochs,
                    initial_epoch=self.epochs_done,
                    shuffle=False,
                    verbose=0,
                    callbacks=[RunCallback(self)],
                )
        return self.epochs_done == self.settings.epochs

    def state(self) -> dict[str, Any]:
        """Name → variable or array: all that the next epoch depends on."""
        parts = {
            "network": self.network.variables,
            "optimizer": self.optimizer.variables,
            "average": self.average.values,
        }
        return {f"{part}/{index}": each for part, members in parts.items() for index, each in enumerate(members)}

    def end_epoch(self, news: Progress) -> None:
        """Measure the averaged weights on validation, write the checkpoint, tell."""
        with self.average.in_place():
            logits = predict_logits(self.logits, self.data.validation.images)
        loss, accuracy = measure_logits(logits, self.data.validation.labels)
        told = replace(news, validation_loss=loss, validation_accuracy=accuracy)
        self.history.append(told)
        self.epochs_done += 1
        if self.checkpoint is not None:
            write_checkpoint(self.checkpoint, self.state(), self.epochs_done, self.data.fingerprint, self.settings)
        self.on_progress(told)

    def describe(self) -> dict[str, Any]:
        """How the run went, for the manifest: number format, seconds, the curve."""
        seconds = sum(each.elapsed_seconds for each in self.history[-1:])
        curve = [
            {
                "epoch": each.epoch + 1,
                "loss": round(each.loss, 5),
                "accuracy": round(each.accuracy, 5),
                "validation_loss": each.validation_loss,
                "validation_accuracy": each.validation_accuracy,
            }
            for each in self.history
        ]
        return {"number_format": self.number_format, "seconds": round(seconds, 1), "curve": curve}


class RunCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Carries Keras' hooks to the run: averaging, news, stopping."""

    def __init__(self, run: TrainingRun) -> None:
        super().__init__()
        self.run = run
        self.epoch = 0
        self.started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.run.average.update(self.epoch * len(self.run.batches) + batch + 1)
        self.run.on_progress(self.news(batch + 1, logs or {}))
        if self.run.should_stop():
            raise StoppedError

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.run.end_epoch(self.news(len(self.run.batches), logs or {}))

    def news(self, step: int, logs: dict[str, float]) -> Progress:
        return Progress(
            epoch=self.epoch,
            epochs=self.run.settings.epochs,
            step=step,
            steps_per_epoch=len(self.run.batches),
            loss=float(logs.get("loss", 0.0)),
            accuracy=float(logs.get("accuracy", 0.0)),
            learning_rate=float(self.run.optimizer.learning_rate),
            elapsed_seconds=time.monotonic() - self.started,
        )


class StoppedError(Exception):
    """Leaves Keras' loop in the middle of an epoch."""


def network_settings(settings: TrainingSettings) -> dict[str, Any]:
    return {"dropout": settings.dropout, **settings.network_settings}


def make_optimizer(settings: TrainingSettings, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """AdamW (arXiv 1711.05101); norms and biases are not decayed."""
    total = settings.epochs * steps_per_epoch
    rate = WarmUpCosine(settings.peak_learning_rate, round(settings.warm_up_share * total), total)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
