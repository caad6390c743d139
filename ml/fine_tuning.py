"""Training the last block of a backbone, with the head, a little further on the pictures themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ml.backbones import find_backbone
from ml.checkpoints import read_checkpoint, write_checkpoint
from ml.courses import Course
from ml.data_types import Progress, TrainingData
from ml.inference import compile_logits
from ml.network_parts import PENULTIMATE
from ml.pipelines import AugmentedBatches
from ml.publishing import measure_logits, predict_logits
from ml.run_callback import RunCallback, StoppedError
from ml.training_settings import TrainingSettings


class FineTuningRun:
    """From the weights in `network` to those of its best epoch on validation; epoch 0 is what it came with."""

    def __init__(
        self,
        network: keras.Model,
        data: TrainingData,
        settings: TrainingSettings,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        checkpoint: Path | None,
        spent_seconds: float = 0.0,
    ) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.network, self.data, self.settings, self.checkpoint = network, data, settings, checkpoint
        self.on_progress, self.should_stop = on_progress, should_stop
        self.epochs_done = 0
        freeze_all_but_last_block(network, settings.backbone)
        self.batches = AugmentedBatches(
            data.train, len(data.labels), settings, None if checkpoint is None else checkpoint.parent
        )
        self.optimizer = keras.optimizers.Adam(settings.fine_tune_rate)
        network.compile(
            optimizer=self.optimizer,
            loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=False,
        )
        self.optimizer.build(network.trainable_variables)
        self.logits = compile_logits(network, data.preprocessing, settings.mirror and settings.mirror_average)
        self.history: list[Progress] = []
        self.best = [np.asarray(each).copy() for each in network.trainable_variables]
        self.course = Course(
            epochs=settings.fine_tune_epochs,
            patience_epochs=settings.patience_epochs,
            budget_minutes=settings.time_budget_minutes,
            first_loss=self.measure()[0],
            spent_seconds=spent_seconds,
        )

    @property
    def epochs(self) -> int:
        """How many there will be, as far as is known."""
        return self.course.planned_epochs

    def fit(self) -> bool:
        """Run the epochs that are missing, then put the best weights in; False where the run was stopped."""
        if self.checkpoint is not None and self.checkpoint.exists():
            self.epochs_done = read_checkpoint(self.checkpoint, self.state(), self.data.fingerprint, self.settings)
        if self.epochs_done < self.epochs:
            self.batches.start_at(self.epochs_done)
            with suppress(StoppedError):
                self.network.fit(
                    self.batches,
                    epochs=self.epochs,
                    initial_epoch=self.epochs_done,
                    shuffle=False,
                    verbose=0,
                    callbacks=[RunCallback(self, "fine_tuning")],
                )
        if self.epochs_done < self.epochs:
            return False
        for variable, value in zip(self.network.trainable_variables, self.best, strict=True):
            variable.assign(value)
        return True

    def measure(self) -> tuple[float, float]:
        return measure_logits(predict_logits(self.logits, self.data.validation.images), self.data.validation.labels)

    def end_step(self, step: int) -> None:
        """Nothing to do."""

    def end_epoch(self, news: Progress) -> bool:
        loss, accuracy = self.measure()
        self.epochs_done += 1
        remark = self.course.end_epoch(self.epochs_done, loss)
        told = replace(news, epochs=self.epochs, validation_loss=loss, validation_accuracy=accuracy, remark=remark)
        self.history.append(told)
        if self.course.best_epoch == self.epochs_done:
            for place, variable in zip(self.best, self.network.trainable_variables, strict=True):
                np.copyto(place, np.asarray(variable))
        if self.checkpoint is not None:
            write_checkpoint(self.checkpoint, self.state(), self.epochs_done, self.data.fingerprint, self.settings)
        self.on_progress(told)
        return self.epochs_done < self.epochs

    def state(self) -> dict[str, Any]:
        parts: dict[str, list[Any]] = {
            "network": self.network.trainable_variables,
            "optimizer": self.optimizer.variables,
            "best": self.best,
            "course": [self.course.numbers],
        }
        return {f"{part}/{index}": each for part, members in parts.items() for index, each in enumerate(members)}


def freeze_all_but_last_block(network: keras.Model, backbone: str) -> None:
    """The last block and the head learn; what lies before keeps its weights."""
    last_block, is_head = find_backbone(backbone).last_block, False
    for layer in network.layers:
        is_head = is_head or layer.name == PENULTIMATE
        layer.trainable = is_head or layer.name.startswith(last_block)
