"""The recipe `transfer`: a frozen backbone's features once for each picture, a head on them, one artifact."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.backbones import WeightsFile, find_backbone, find_weights
from ml.class_balance import describe_balance
from ml.data_types import LabelledImages, Progress, TrainingData, TrainingOutcome
from ml.device import choose_number_format
from ml.feature_cache import FeatureStore
from ml.features import FeatureExtractor, name_space
from ml.fine_tuning import FineTuningRun
from ml.heads import FeatureSet, HeadRun, apply_head, describe_head
from ml.inference import put_weights
from ml.networks import build_network
from ml.publishing import publish
from ml.run_callback import StoppedError, describe_curve
from ml.training_settings import TrainingSettings
from ml.transfer_network import LOGITS, dense_name, load_backbone

Weights = dict[str, NDArray[np.float32]]


def train_transfer(
    data: TrainingData,
    settings: TrainingSettings,
    folder: Path,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    checkpoint: Path | None,
    weights_folder: Path | None,
    feature_store: FeatureStore | None,
) -> TrainingOutcome:
    """See `training.train`; `settings` went through `recipes.resolve_recipe`.

    Features and head are made anew when a run is resumed (the same, by seed, and in seconds where there is a feature
    store); the checkpoint is that of fine-tuning. Raises BackboneError where weights are missing.
    """
    run = TransferRun(data, settings, on_progress, should_stop, checkpoint)
    metrics: dict[str, Any] = {}
    finished = False
    with suppress(StoppedError):
        run.prepare(weights_folder, feature_store)
        run.train_head()
        run.fine_tune()
        metrics = publish(run.network, data, settings, folder, run.describe(), run.measured)
        finished = True
    return TrainingOutcome(finished, len(run.history), time.monotonic() - run.started, run.history, metrics)


class TransferRun:
    """The steps of a run, in their order: prepare, train_head, fine_tune. Each raises StoppedError when told to."""

    measured: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def __init__(
        self,
        data: TrainingData,
        settings: TrainingSettings,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        checkpoint: Path | None,
    ) -> None:
        self.data, self.settings, self.checkpoint = data, settings, checkpoint
        self.on_progress, self.should_stop = on_progress, should_stop
        self.started = time.monotonic()
        self.number_format = choose_number_format(settings.mixed_precision)
        self.history: list[Progress] = []
        self.story: dict[str, Any] = {}

    def prepare(self, weights_folder: Path | None, feature_store: FeatureStore | None) -> None:
        """Build the network with the backbone's weights and compute the features of all examples."""
        row = find_backbone(self.settings.backbone)
        is_random = self.settings.backbone_weights == "none"
        file = None if is_random else find_weights(row, weights_folder)
        self.network = self.build(load_backbone(row, file, self.settings.seed))
        digest = describe_weights(file, self.settings.seed)
        space = name_space(digest, self.data.preprocessing, self.settings.pooling, self.number_format, row.name)
        self.story["backbone"] = {"name": row.name, "weights": digest}
        extractor = FeatureExtractor(self.network, self.data.preprocessing, space, feature_store)
        parts = (self.data.train, self.data.validation, self.data.holdout)
        has_mirrored = self.settings.mirror, *[self.settings.mirror and self.settings.mirror_average] * 2
        before = time.monotonic()
        total = sum(len(part) * (1 + mirrored) for part, mirrored in zip(parts, has_mirrored, strict=True))
        self.features, done = [], 0
        for part, mirrored in zip(parts, has_mirrored, strict=True):
            self.features.append(self.extract(extractor, part, mirrored, done, total))
            done += len(part) * (1 + mirrored)
        self.story["feature_seconds"] = round(time.monotonic() - before, 2)

    def build(self, backbone_weights: Weights) -> keras.Model:
        described = {**self.settings.network_settings, "dropout": self.settings.dropout}
        network = build_network(
            self.settings.network, described, self.data.preprocessing, len(self.data.labels), self.number_format
        )
        outer = {f"{name}/{kind}" for name in self.head_layers() for kind in ("kernel", "bias")}
        put_weights(network, backbone_weights, leave=outer)
        return network

    def head_layers(self) -> list[str]:
        return [*(dense_name(place) for place in range(len(self.settings.head))), LOGITS]

    def extract(
        self, extractor: FeatureExtractor, part: LabelledImages, mirrored: bool, before: int, total: int
    ) -> FeatureSet:
        """One part's features with the views it needs, telling how far it is."""
        features = extractor.extract_views(
            part.images,
            mirrored=mirrored,
            on_picture=lambda done: self.tell(before + done, total),
            scratch=None if self.checkpoint is None else self.checkpoint.parent,
        )
        return FeatureSet(features, part.labels)

    def tell(self, done: int, total: int) -> None:
        if self.should_stop():
            raise StoppedError
        elapsed = time.monotonic() - self.started
        self.on_progress(Progress(0, 1, done, total, 0.0, 0.0, 0.0, elapsed, phase="features"))

    def train_head(self) -> None:
        train, validation, holdout = self.features
        run = HeadRun(train, validation, len(self.data.labels), self.settings, self.on_progress, self.should_stop)
        if remark := describe_balance(self.data.labels, run.batches.label_weights):
            self.on_progress(Progress(0, run.epochs, 0, len(run.batches), 0.0, 0.0, 0.0, 0.0, remark=remark))
        finished = run.fit()
        self.history += run.history
        if not finished:
            raise StoppedError
        for name in self.head_layers():
            layer = self.network.get_layer(name)
            layer.kernel.assign(run.best[f"{name}/kernel"])
            layer.bias.assign(run.best[f"{name}/bias"])
        self.story |= describe_head(run)
        self.measured = apply_head(run.best, validation.features), apply_head(run.best, holdout.features)

    def fine_tune(self) -> None:
        """The last block, from the pictures, for as many epochs as the settings say."""
        if not self.settings.fine_tune_epochs:
            return
        spent = time.monotonic() - self.started
        watch = self.on_progress, self.should_stop, self.checkpoint
        run = FineTuningRun(self.network, self.data, self.settings, *watch, spent_seconds=spent)
        finished = run.fit()
        self.history += [replace(each, epoch=each.epoch + self.settings.epochs) for each in run.history]
        if not finished:
            raise StoppedError
        self.measured = None

    def describe(self) -> dict[str, Any]:
        """How the run went, for the manifest."""
        seconds = round(time.monotonic() - self.started, 1)
        return {
            "number_format": self.number_format,
            "seconds": seconds,
            "curve": describe_curve(self.history),
            **self.story,
        }


def describe_weights(file: WeightsFile | None, seed: int) -> str:
    return f"random:{seed}" if file is None else f"sha256:{file.digest}"
