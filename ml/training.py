"""One training run from prepared examples to a checked artifact, resumable after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ml.averaging import AveragedWeights
from ml.checkpoints import read_checkpoint, write_checkpoint
from ml.class_balance import describe_balance
from ml.courses import Course
from ml.data_types import Progress, TrainingData, TrainingOutcome
from ml.device import choose_number_format, choose_strategy, grow_gpu_memory, spread
from ml.errors import MlError
from ml.feature_cache import FeatureStore
from ml.inference import compile_logits
from ml.learning_rates import count_steps, make_optimizer, make_rate
from ml.networks import build_network
from ml.pipelines import AugmentedBatches
from ml.publishing import measure_logits, predict_logits, publish
from ml.recipes import resolve_recipe
from ml.run_callback import RunCallback, StoppedError, describe_curve
from ml.training_settings import TrainingSettings
from ml.transfer import train_transfer


def train(
    data: TrainingData,
    settings: TrainingSettings,
    *,
    folder: Path,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    checkpoint: Path | None = None,
    weights_folder: Path | None = None,
    feature_store: FeatureStore | None = None,
) -> TrainingOutcome:
    """Train, calibrate on validation, measure on the holdout, write the artifact into `folder` (which must not exist).

    `on_progress` hears every step and every epoch; `should_stop` is asked after every step, and a stopped run writes
    no artifact. With `checkpoint` (a file) the state is written after each epoch, and a run that finds one there goes
    on from it: on a CPU it ends with the weights of an uninterrupted run, since the batches of an epoch follow from
    (seed, epoch). `weights_folder` holds weights of backbones, `feature_store` the features of earlier runs; both
    are for the recipe `transfer`. Raises MlError for data too small to train on and for missing weights.
    """
    check_data(data)
    grow_gpu_memory()
    settings = resolve_recipe(settings, data, weights_folder)
    started = time.monotonic()
    if settings.recipe == "transfer":
        watch = on_progress, should_stop
        return train_transfer(data, settings, folder, *watch, checkpoint, weights_folder, feature_store)
    run = TrainingRun(data, settings, on_progress, should_stop, checkpoint)
    finished = run.fit()
    metrics: dict[str, Any] = {}
    if finished:
        run.finish()
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
        self.batches = AugmentedBatches(data.train, len(data.labels), settings)
        self.rate = make_rate(settings, len(self.batches))
        with spread(choose_strategy()):
            self.network = self.build()
        self.average = AveragedWeights(self.network, settings.average_momentum)
        self.logits = compile_logits(self.network, data.preprocessing, settings.mirror and settings.mirror_average)
        self.history: list[Progress] = []
        self.epochs_done = 0
        self.course = Course(
            epochs=settings.epochs,
            patience_epochs=settings.patience_epochs,
            budget_minutes=settings.time_budget_minutes,
        )
        self.best = [np.copy(value) for value in self.average.values] if settings.patience_epochs else []

    @property
    def epochs(self) -> int:
        """How many there will be, as far as is known."""
        return self.course.planned_epochs

    def build(self) -> keras.Model:
        """The network with its optimizer, ready for `fit`."""
        settings = self.settings
        network = build_network(
            settings.network,
            network_settings(settings),
            self.data.preprocessing,
            len(self.data.labels),
            self.number_format,
        )
        self.optimizer = make_optimizer(settings, self.rate)
        network.compile(
            optimizer=self.optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=False,
        )
        self.optimizer.build(network.trainable_variables)
        return network

    def fit(self) -> bool:
        """Run the epochs that are missing; False where the run was stopped before its end."""
        if self.checkpoint is not None and self.checkpoint.exists():
            self.epochs_done = read_checkpoint(self.checkpoint, self.state(), self.data.fingerprint, self.settings)
            self.plan_rate()
        if self.epochs_done < self.epochs:
            self.tell_balance()
            self.batches.start_at(self.epochs_done)
            with suppress(StoppedError):
                self.network.fit(
                    self.batches,
                    epochs=self.epochs,
                    initial_epoch=self.epochs_done,
                    shuffle=False,
                    verbose=0,
                    callbacks=[RunCallback(self)],
                )
        return self.epochs_done >= self.epochs

    def plan_rate(self) -> None:
        """Let the learning rate fall to the end of the planned epochs."""
        self.rate.shorten(*count_steps(self.settings, self.epochs, len(self.batches)))

    def tell_balance(self) -> None:
        if remark := describe_balance(self.data.labels, self.batches.label_weights):
            news = RunCallback(self).news(0, {})
            self.on_progress(replace(news, epoch=self.epochs_done, remark=remark))

    def state(self) -> dict[str, Any]:
        """Name → variable or array: all that the next epoch depends on."""
        parts = {
            "network": self.network.variables,
            "optimizer": self.optimizer.variables,
            "average": self.average.values,
            "best": self.best,
            "course": [self.course.numbers],
        }
        return {f"{part}/{index}": each for part, members in parts.items() for index, each in enumerate(members)}

    def end_step(self, step: int) -> None:
        self.average.update(step)

    def end_epoch(self, news: Progress) -> bool:
        """Measure the averaged weights on validation, write the checkpoint, tell."""
        with self.average.in_place():
            logits = predict_logits(self.logits, self.data.validation.images)
        loss, accuracy = measure_logits(logits, self.data.validation.labels)
        self.epochs_done += 1
        remark = self.course.end_epoch(self.epochs_done, loss)
        if self.best and self.course.best_epoch == self.epochs_done:
            for kept, value in zip(self.best, self.average.values, strict=True):
                np.copyto(kept, value)
        if self.epochs_done < self.epochs < news.epochs:
            self.plan_rate()
        told = replace(news, epochs=self.epochs, validation_loss=loss, validation_accuracy=accuracy, remark=remark)
        self.history.append(told)
        if self.checkpoint is not None:
            write_checkpoint(self.checkpoint, self.state(), self.epochs_done, self.data.fingerprint, self.settings)
        self.on_progress(told)
        return self.epochs_done < self.epochs

    def finish(self) -> None:
        """Put the weights that are published into the network: the averaged ones, of the best epoch with patience."""
        if self.best:
            self.average.values = self.best
        self.average.swap_in()

    def describe(self) -> dict[str, Any]:
        """How the run went, for the manifest: number format, seconds, the curve."""
        seconds = sum(each.elapsed_seconds for each in self.history[-1:])
        return {
            "number_format": self.number_format,
            "seconds": round(seconds, 1),
            "class_weights": self.batches.label_weights,
            "epochs": {"wished": self.settings.epochs, "done": self.epochs_done, "best": self.course.best_epoch},
            "curve": describe_curve(self.history),
        }


def network_settings(settings: TrainingSettings) -> dict[str, Any]:
    return {"dropout": settings.dropout, **settings.network_settings}
