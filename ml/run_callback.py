"""Carries Keras' hooks to a training run: news of every step, stopping, the end of an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sized
from typing import Any, Literal, Protocol

import keras

from ml.data_types import Progress


class StoppedError(Exception):
    """Leaves Keras' loop, or the computing of features, in the middle."""


class WatchedRun(Protocol):
    """What the callback asks of a run."""

    @property
    def epochs(self) -> int: ...

    @property
    def batches(self) -> Sized: ...

    @property
    def optimizer(self) -> Any: ...

    @property
    def on_progress(self) -> Callable[[Progress], None]: ...

    @property
    def should_stop(self) -> Callable[[], bool]: ...

    def end_step(self, step: int) -> None:
        """Called after each step, counted from 1 over all epochs."""
        ...

    def end_epoch(self, news: Progress) -> bool:
        """Measures on validation and tells; returns whether to go on."""
        ...


class RunCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Of one call of `fit`. Raises StoppedError after the step at which the run should stop."""

    def __init__(self, run: WatchedRun, phase: Literal["training", "fine_tuning"] = "training") -> None:
        super().__init__()
        self.run = run
        self.phase = phase
        self.epoch = 0
        self.started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.run.end_step(self.epoch * len(self.run.batches) + batch + 1)
        self.run.on_progress(self.news(batch + 1, logs or {}))
        if self.run.should_stop():
            raise StoppedError

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if not self.run.end_epoch(self.news(len(self.run.batches), logs or {})):
            self.model.stop_training = True

    def news(self, step: int, logs: dict[str, float]) -> Progress:
        return Progress(
            epoch=self.epoch,
            epochs=self.run.epochs,
            step=step,
            steps_per_epoch=len(self.run.batches),
            loss=float(logs.get("loss", 0.0)),
            accuracy=float(logs.get("accuracy", 0.0)),
            learning_rate=float(self.run.optimizer.learning_rate),
            elapsed_seconds=time.monotonic() - self.started,
            phase=self.phase,
        )


def describe_curve(history: list[Progress]) -> list[dict[str, Any]]:
    """The epochs of a run, for its manifest."""
    return [
        {
            "epoch": each.epoch + 1,
            "loss": round(each.loss, 5),
            "accuracy": round(each.accuracy, 5),
            "validation_loss": each.validation_loss,
            "validation_accuracy": each.validation_accuracy,
        }
        for each in history
    ]
