"""Why a model answered as it did: Grad-CAM (Selvaraju et al., arXiv 1610.02391) on the last convolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ml.data_types import Floats, Pixels
from ml.errors import MlError
from ml.heat_maps import as_heat, average_views, draw_overlay, find_frame
from ml.images import WORKING_SIDE, open_picture, prepare_picture
from ml.inference import LoadedModel
from ml.network_parts import LAST_CONVOLUTION


class Explainer:
    """The served network of one version, its last map of features in reach. Use it from one thread."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        try:
            features = model.network.get_layer(LAST_CONVOLUTION).output
        except ValueError as problem:
            raise MlError("This network has no last convolution to look at.") from problem
        self._network = keras.Model(model.network.inputs, [features, model.network.outputs[0]])

    @classmethod
    def load(cls, folder: Path) -> Explainer:
        """As the worker loads a version, in 32 bits: the same picture gives the same map. Raises ArtifactError."""
        return cls(LoadedModel.load(folder, mixed_precision="off"))

    def explain(self, data: bytes, label: int | None = None) -> bytes:
        """Bytes of a picture → PNG of it, at most 512 pixels a side, with the heat over it. Raises MlError.

        `label` is the answer to explain, by its number; without it the model's own.
        """
        preprocessing = self.model.preprocessing
        picture = open_picture(data, longest_side=max(WORKING_SIDE, preprocessing.height, preprocessing.width))
        heat = self.find_heat(prepare_picture(picture, preprocessing), label)
        return draw_overlay(picture, heat, find_frame(picture, preprocessing))

    def find_heat(self, pixels: Pixels, label: int | None = None) -> Floats:
        """uint8 (height, width, channels) → (rows, columns) of the last convolution, 0..1, the strongest place 1.

        A version that averages with the mirror image is explained by both views.
        """
        if label is None:
            label = int(self.model.logits(pixels[None])[0].argmax())
        views = [pixels, pixels[:, ::-1]] if self.model.manifest.mirror_average else [pixels]
        maps = np.stack(views).astype(np.float32)
        values = self._weigh(tf.constant(maps), label)
        if not np.isfinite(values).all():
            raise MlError("The heat of this picture is not a number.")
        return as_heat(average_views(values[0], values[1]) if len(values) == 2 else values[0])

    def _weigh(self, views: Any, label: int) -> Floats:
        """Each feature map weighed by the mean gradient of the label's logit, summed over the maps, before the ReLU."""
        with tf.GradientTape() as tape:
            tape.watch(views)  # then all that follows from them is recorded
            features, logits = self._network(views, training=False)
            wanted = logits[:, label]
        gradients = tape.gradient(wanted, features)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        return np.asarray(tf.reduce_sum(tf.cast(weights * features, tf.float32), axis=-1))
