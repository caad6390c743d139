"""The networks we train from scratch, by name. Each is one flat graph: Grad-CAM can reach its last convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from ml.data_types import MlError, Preprocessing
from ml.images import input_scaling
from ml.normalization import FusedBatchNormalization

LAST_CONVOLUTION = "last_convolution"
PENULTIMATE = "pooled"


class UnknownNetworkError(MlError):
    """The name or settings of a network are not ones this version can build."""


def build_network(
    name: str, settings: dict[str, Any], preprocessing: Preprocessing, outputs: int, number_format: str = "float32"
) -> keras.Model:
    """Raw pixel values 0..255 as float (n, height, width, channels) → float32 logits (n, outputs).

    `number_format` is the Keras dtype policy of the layers between; the logits are float32 under each of them.
    """
    builder = NETWORKS.get(name)
    if builder is None:
        raise UnknownNetworkError(f"Unknown network {name!r}; known: {', '.join(sorted(NETWORKS))}.")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(number_format)
    try:
        return builder(preprocessing, outputs, **settings)
    except TypeError as problem:
        raise UnknownNetworkError(f"Network {name} does not take the settings {settings!r}.") from problem
    finally:
        keras.config.set_dtype_policy(before)


def small_residual(
    preprocessing: Preprocessing,
    outputs: int,
    *,
    stem: int,
    widths: Sequence[int],
    blocks: Sequence[int],
    dropout: float = 0.2,
) -> keras.Model:
    """Residual network for pictures of up to about 96 pixels (He et al., arXiv 1512.03385).

    A stem at full size, then one stage of blocks per width, each at half the size before it: convolutions at full
    size cost most and gave least. Shortcuts that change shape are an average pooling and a 1x1 convolution (arXiv
    1812.01187). Widths that are multiples of 32 are far faster on a CPU than others.
    """
    if len(widths) != len(blocks) or not widths:
        raise UnknownNetworkError(f"{len(widths)} widths do not fit {len(blocks)} numbers of blocks.")
    inputs = keras.Input(preprocessing.shape, name="pixels")
    scale, offset = input_scaling(preprocessing)
    x = layers.Rescaling(scale, offset, name="scaled")(inputs)
    x = layers.MaxPooling2D(2, padding="same", name="stem_shrink")(convolve(x, stem, "stem"))
    last = len(widths) - 1
    for stage, (width, repeats) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(repeats):
            is_last = stage == last and block == repeats - 1
            stride = 2 if stage and not block else 1
            x = add_residual(x, width, stride, f"stage{stage}_block{block}", LAST_CONVOLUTION if is_last else None)
    x = layers.GlobalAveragePooling2D(name=PENULTIMATE)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    logits = layers.Dense(outputs, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="small_residual")


def convolve(x: Any, width: int, name: str, *, kernel: int = 3, stride: int = 1, activate: bool = True) -> Any:
    """Convolution without bias, batch norm, and ReLU unless `activate` is off."""
    x = layers.Conv2D(
        width, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    x = FusedBatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activate else x


def add_residual(x: Any, width: int, stride: int, name: str, output_name: str | None) -> Any:
    branch = convolve(x, width, f"{name}_first", stride=stride)
    branch = convolve(branch, width, f"{name}_second", activate=False)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_shrink")(x)
    if x.shape[-1] != width:
        x = convolve(x, width, f"{name}_match", kernel=1, activate=False)
    return layers.ReLU(name=output_name or f"{name}_out")(layers.Add(name=f"{name}_sum")([x, branch]))


NETWORKS: dict[str, Callable[..., keras.Model]] = {"small_residual": small_residual}
