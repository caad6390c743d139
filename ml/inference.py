"""A loaded model that answers: one compiled function for every batch size, calibrated scores, unsure and unfamiliar."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from ml.artifact import ArtifactError, Manifest, check_network_size, read_manifest, read_weights
from ml.calibration import energies, softmax
from ml.data_types import Answer, Floats, Pixels
from ml.device import choose_number_format, grow_gpu_memory
from ml.errors import MlError
from ml.images import prepare_image
from ml.network_parts import list_weights
from ml.networks import build_network, fold_normalization
from ml.preprocessing import Preprocessing

WEIGHT_COPIES = 3
"""Weights in memory: the model's variables, the compiled function's constants, the runtime's reordered copies."""
RUNTIME_BYTES = 16 * 1024 * 1024


class LoadedModel:
    """A model version in memory; satisfies `data_types.Predictor`. Use it from one thread."""

    def __init__(self, manifest: Manifest, network: keras.Model, number_format: str = "float32") -> None:
        self.manifest = manifest
        self.number_format = number_format
        self.network = network
        self._logits = compile_logits(network, manifest.preprocessing, manifest.mirror_average)
        self._thresholds = np.asarray(manifest.thresholds["per_label"], np.float64)

    @classmethod
    def load(cls, folder: Path, mixed_precision: Literal["auto", "off"] = "auto") -> LoadedModel:
        """Check every digest, build the network by our own code, put the weights in. Raises ArtifactError."""
        grow_gpu_memory()
        manifest = read_manifest(folder)
        weights = read_weights(folder, manifest)
        check_network_size(manifest, weights)
        name, settings = manifest.network.get("name", ""), manifest.network.get("settings", {})
        try:
            number_format = choose_number_format(mixed_precision)
            outputs = len(manifest.labels)
            network = build_network(name, settings, manifest.preprocessing, outputs, number_format, is_folded=True)
            folded = fold_normalization(weights)
        except (MlError, ValueError, KeyError) as problem:
            raise ArtifactError(f"The network of {folder} cannot be built: {problem}") from problem
        put_weights(network, folded)
        return cls(manifest, network, number_format)

    @property
    def labels(self) -> list[str]:
        return list(self.manifest.labels)

    @property
    def preprocessing(self) -> Preprocessing:
        return self.manifest.preprocessing

    @property
    def memory_bytes(self) -> int:
        """About how much memory the model holds, for the loaded-model cache."""
        return RUNTIME_BYTES + WEIGHT_COPIES * 4 * int(self.network.count_params())

    def prepare(self, data: bytes) -> Pixels:
        return prepare_image(data, self.preprocessing)

    def warm_up(self, max_batch: int = 64, seconds: float = 1.0) -> int:
        """Trace and run once, then double the batch while it fits; returns how many pictures `seconds` suffice for."""
        self.logits(np.zeros((1, *self.preprocessing.shape), np.uint8))
        size, fitting = 1, 1
        while True:
            batch = np.zeros((size, *self.preprocessing.shape), np.uint8)
            self.logits(batch)
            started = time.perf_counter()
            self.logits(batch)
            taken = max(time.perf_counter() - started, 1e-6)
            fitting = max(1, min(max_batch, int(size * seconds / taken)))
            if size >= max_batch or fitting < 2 * size:
                return fitting
            size = min(2 * size, max_batch)

    def count_traces(self) -> int:
        """How often the function was compiled: once, unless something is wrong."""
        return int(self._logits.experimental_get_tracing_count())

    def logits(self, batch: Pixels) -> Floats:
        """uint8 (n, height, width, channels) → float32 (n, labels), before calibration."""
        if batch.shape[1:] != self.preprocessing.shape or batch.dtype != np.uint8:
            raise MlError(f"Expected uint8 (n, {self.preprocessing.shape}), got {batch.dtype} {batch.shape}.")
        return np.asarray(self._logits(tf.constant(batch)))

    def predict(self, batch: Pixels) -> list[Answer]:
        """uint8 (n, height, width, channels) → n answers in order. Raises MlError where an answer is not finite."""
        if not len(batch):
            return []
        logits = self.logits(batch)
        if not np.isfinite(logits).all():
            raise MlError("The model gave an answer that is not a number.")
        scores = softmax(logits, self.manifest.temperature)
        best = scores.argmax(axis=1)
        confidence = scores[np.arange(len(scores)), best]
        limit = self.manifest.energy_threshold
        unfamiliar = np.zeros(len(scores), bool) if limit is None else energies(logits) > limit
        unsure = unfamiliar | (confidence < self._thresholds[best])
        return [
            Answer(int(label), float(share), row.tolist(), bool(doubt), bool(strange))
            for label, share, row, doubt, strange in zip(best, confidence, scores, unsure, unfamiliar, strict=True)
        ]


def compile_logits(network: keras.Model, preprocessing: Preprocessing, mirror_average: bool) -> Any:
    """One TensorFlow function with a free batch dimension; with `mirror_average` it answers for both views at once."""

    def answer(pixels: Any) -> Any:
        views = tf.cast(pixels, tf.float32)
        if not mirror_average:
            return network(views, training=False)
        both = network(tf.concat([views, tf.reverse(views, axis=[2])], axis=0), training=False)
        first, second = tf.split(both, 2, axis=0)
        return (first + second) / 2

    signature = [tf.TensorSpec((None, *preprocessing.shape), tf.uint8)]
    return tf.function(answer, input_signature=signature, jit_compile=False)


def put_weights(network: keras.Model, weights: dict[str, Any], leave: Collection[str] = ()) -> None:
    """Into all variables but those to `leave`. Raises ArtifactError where names or shapes differ from the network's."""
    variables = {name: each for name, each in named_weights(network).items() if name not in leave}
    if set(variables) != set(weights):
        missing, extra = sorted(set(variables) - set(weights)), sorted(set(weights) - set(variables))
        raise ArtifactError(f"The weights do not fit the network: missing {missing[:3]}, unknown {extra[:3]}.")
    for name, variable in variables.items():
        if tuple(variable.shape) != weights[name].shape:
            raise ArtifactError(f"{name} has shape {weights[name].shape}, the network expects {tuple(variable.shape)}.")
        variable.assign(weights[name])


def named_weights(network: keras.Model) -> dict[str, Any]:
    """Layer and variable name → variable, for all that an answer depends on."""
    return {name: variable for layer in network.layers for name, variable in list_weights(layer).items()}
