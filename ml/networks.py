"""The networks by name, and the one we train from scratch. Each is a flat graph: explanations reach every layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from ml.images import input_scaling
from ml.network_parts import LAST_CONVOLUTION, PENULTIMATE, UnknownNetworkError
from ml.normalization import FusedBatchNormalization
from ml.preprocessing import Preprocessing
from ml.transfer_network import transfer

__all__ = ["LAST_CONVOLUTION", "PENULTIMATE", "UnknownNetworkError", "build_network", "fold_normalization"]

NORM_SUFFIX = "_norm"
NORM_EPSILON = 1e-3

Weights = NDArray[np.float32]


def build_network(
    name: str,
    settings: dict[str, Any],
    preprocessing: Preprocessing,
    outputs: int,
    number_format: str = "float32",
    *,
    is_folded: bool = False,
) -> keras.Model:
    """Raw pixel values 0..255 as float (n, height, width, channels) → float32 logits (n, outputs).

    `number_format` is the Keras dtype policy of the layers between; the logits are float32 under each of them.
    A folded network has biases in place of batch norms, for weights that went through `fold_normalization`.
    """
    builder = NETWORKS.get(name)
    if builder is None:
        raise UnknownNetworkError(f"Unknown network {name!r}; known: {', '.join(sorted(NETWORKS))}.")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(number_format)
    try:
        return builder(preprocessing, outputs, is_folded=is_folded, **settings)
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
    is_folded: bool = False,
) -> keras.Model:
    """Residual network for pictures of up to about 96 pixels (He et al., arXiv 1512.03385).

    A stem at full size, then one stage of blocks per width, each at half the size before it: convolutions at full
    size cost most and gave least. Shortcuts that change shape are an average pooling and a 1x1 convolution (arXiv
    1812.01187). A stage of 0 blocks is one plain convolution: less accurate, and much faster. Widths that are
    multiples of 32 are far faster on a CPU than others.
    """
    if len(widths) != len(blocks) or not widths:
        raise UnknownNetworkError(f"{len(widths)} widths do not fit {len(blocks)} numbers of blocks.")
    inputs = keras.Input(preprocessing.shape, name="pixels")
    scale, offset = input_scaling(preprocessing)
    x = layers.Rescaling(scale, offset, name="scaled")(inputs)
    x = layers.MaxPooling2D(2, padding="same", name="stem_shrink")(convolve(x, stem, "stem", is_folded=is_folded))
    last = len(widths) - 1
    for stage, (width, repeats) in enumerate(zip(widths, blocks, strict=True)):
        if not repeats:
            x = add_plain(x, width, stage, LAST_CONVOLUTION if stage == last else f"stage{stage}_out", is_folded)
        for block in range(repeats):
            is_last = stage == last and block == repeats - 1
            stride = 2 if stage and not block else 1
            name = f"stage{stage}_block{block}"
            x = add_residual(x, width, stride, name, LAST_CONVOLUTION if is_last else f"{name}_out", is_folded)
    x = layers.GlobalAveragePooling2D(name=PENULTIMATE)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    logits = layers.Dense(outputs, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="small_residual")


def convolve(
    x: Any, width: int, name: str, *, kernel: int = 3, stride: int = 1, activate: bool = True, is_folded: bool
) -> Any:
    """Convolution without bias, batch norm, and ReLU unless `activate` is off; folded: with bias, without norm."""
    x = layers.Conv2D(
        width, kernel, strides=stride, padding="same", use_bias=is_folded, kernel_initializer="he_normal", name=name
    )(x)
    if not is_folded:
        x = FusedBatchNormalization(momentum=0.9, epsilon=NORM_EPSILON, name=f"{name}{NORM_SUFFIX}")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activate else x


def add_residual(x: Any, width: int, stride: int, name: str, output_name: str, is_folded: bool) -> Any:
    branch = convolve(x, width, f"{name}_first", stride=stride, is_folded=is_folded)
    branch = convolve(branch, width, f"{name}_second", activate=False, is_folded=is_folded)
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_shrink")(x)
    if x.shape[-1] != width:
        x = convolve(x, width, f"{name}_match", kernel=1, activate=False, is_folded=is_folded)
    return layers.ReLU(name=output_name)(layers.Add(name=f"{name}_sum")([x, branch]))


def add_plain(x: Any, width: int, stage: int, output_name: str, is_folded: bool) -> Any:
    if stage:
        x = layers.MaxPooling2D(2, padding="same", name=f"stage{stage}_shrink")(x)
    x = convolve(x, width, f"stage{stage}_plain", activate=False, is_folded=is_folded)
    return layers.ReLU(name=output_name)(x)


def fold_normalization(weights: Mapping[str, Weights]) -> dict[str, Weights]:
    """Weights with each batch norm worked into the convolution before it, by "layer/variable" name.

    In use a batch norm is one multiplication and addition per channel; done beforehand it saves a quarter of the time
    of a batch. Raises KeyError where a norm is not complete.
    """
    folded = {name: values for name, values in weights.items() if not name.split("/")[0].endswith(NORM_SUFFIX)}
    for name in weights:
        layer, is_scale, _ = name.partition(f"{NORM_SUFFIX}/gamma")
        if not is_scale:
            continue
        norm = f"{layer}{NORM_SUFFIX}"
        scale = weights[name] / np.sqrt(weights[f"{norm}/moving_variance"] + NORM_EPSILON)
        folded[f"{layer}/kernel"] = weights[f"{layer}/kernel"] * scale
        folded[f"{layer}/bias"] = weights[f"{norm}/beta"] - weights[f"{norm}/moving_mean"] * scale
    return folded


NETWORKS: dict[str, Callable[..., keras.Model]] = {"small_residual": small_residual, "transfer": transfer}
