"""A backbone with a head of dense layers, and where the backbone's weights come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from ml.backbones import SMALLEST_SIDE, Backbone, BackboneError, WeightsFile, find_backbone
from ml.folding import build_folded, fold_weights
from ml.images import input_scaling, is_blue_first
from ml.network_parts import LAST_CONVOLUTION, PENULTIMATE, UnknownNetworkError
from ml.preprocessing import Preprocessing
from ml.training_settings import MOST_HEAD_LAYERS, WORDS, is_width

TOP_NORM = "top_layernorm"
LOGITS = "logits"


def transfer(
    preprocessing: Preprocessing,
    outputs: int,
    *,
    backbone: str,
    pooling: Literal["mean", "flat"] = "mean",
    head: Sequence[int] = (),
    dropout: float = 0.0,
    is_folded: bool = False,
) -> keras.Model:
    """Backbone, pooling, dense layers of the sizes `head`, logits. A flat graph with all batch norms folded."""
    row = find_backbone(backbone)
    check_input(row, preprocessing)
    if len(head) > MOST_HEAD_LAYERS or not all(map(is_width, head)) or pooling not in WORDS["pooling"]:
        raise UnknownNetworkError(f"A head of {head!r} after {pooling!r} pooling cannot be built.")
    inputs = keras.Input(preprocessing.shape, name="pixels")
    scale, offset = input_scaling(preprocessing)
    x = layers.Rescaling(scale, offset, dtype="float32", name="scaled")(inputs)
    if is_blue_first(preprocessing):
        x = keras.ops.flip(x, axis=-1)
    plain = build_plain(row, preprocessing, x)
    body = build_folded(cut(plain, row), rename(plain))
    x = layers.Activation("linear", name=LAST_CONVOLUTION)(body.output)
    x = layers.GlobalAveragePooling2D(name=PENULTIMATE)(x) if pooling == "mean" else layers.Flatten(name=PENULTIMATE)(x)
    x = add_head(x, head, outputs, dropout)
    return keras.Model(body.inputs[0], x, name="transfer")


def add_head(x: Any, head: Sequence[int], outputs: int, dropout: float, l2_penalty: float = 0.0) -> Any:
    """Dense layers with ReLU, dropout before each one that follows, logits in float32.

    The penalty is on the only layer, where there is one: deeper heads have dropout.
    """
    penalty = keras.regularizers.L2(l2_penalty) if l2_penalty and not head else None
    for place, width in enumerate(head):
        x = layers.Dense(width, activation="relu", name=dense_name(place))(x)
        x = layers.Dropout(dropout, name=f"dropout{place}")(x)
    return layers.Dense(outputs, dtype="float32", kernel_regularizer=penalty, name=LOGITS)(x)


def dense_name(place: int) -> str:
    return f"dense{place}"


def check_input(row: Backbone, preprocessing: Preprocessing) -> None:
    if preprocessing.name != row.preprocessing:
        raise UnknownNetworkError(
            f"{row.title} takes pictures prepared as {row.preprocessing}, not as {preprocessing.name}."
        )
    if min(preprocessing.height, preprocessing.width) < SMALLEST_SIDE:
        raise UnknownNetworkError(f"{row.title} takes pictures of at least {SMALLEST_SIDE} pixels a side.")


def build_plain(row: Backbone, preprocessing: Preprocessing, tensor: Any = None) -> keras.Model:
    """Keras' own network without its classifier, with random weights, on scaled pixels."""
    options: dict[str, Any] = {"include_preprocessing": False} if row.has_own_scaling else {}
    constructor = getattr(keras.applications, row.keras_name)
    return constructor(include_top=False, weights=None, input_shape=preprocessing.shape, input_tensor=tensor, **options)


def cut(plain: keras.Model, row: Backbone) -> keras.Model:
    if row.feature_layer is None:
        return plain
    return keras.Model(plain.input, plain.get_layer(row.feature_layer).output)


def rename(plain: keras.Model) -> dict[str, str]:
    """Keras numbers the last layer of ConvNeXt by what was built before; a stored name may not depend on that."""
    last = plain.layers[-1]
    return {last.name: TOP_NORM} if isinstance(last, layers.LayerNormalization) else {}


def load_backbone(row: Backbone, file: WeightsFile | None, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """ "layer/variable" → weights of the backbone's part of `transfer`; random ones, by `seed`, without a file.

    The file holds the network as far as it is used, or whole without its classifier (as Keras' cache has it).
    Raises BackboneError where it does not fit.
    """
    preprocessing = Preprocessing(row.preprocessing, SMALLEST_SIDE, SMALLEST_SIDE, 3)
    plain = build_plain(row, preprocessing)
    body = cut(plain, row)
    if file is not None:
        load_file(row, file.path, [plain] if body is plain else [body, plain])
        return fold_weights(body, rename(plain))
    random = np.random.default_rng(seed)
    return {name: randomise(name, values, random) for name, values in fold_weights(body, rename(plain)).items()}


def randomise(name: str, values: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Kernels as He et al. (arXiv 1502.01852) begin with, so that a network without norms keeps its scale."""
    if not name.endswith("/kernel"):
        return values
    is_depthwise = values.ndim == 4 and values.shape[3] == 1
    fan_in = math.prod(values.shape[:2] if is_depthwise else values.shape[:-1])
    return random.normal(0, math.sqrt(2 / fan_in), values.shape).astype(np.float32)


def load_file(row: Backbone, path: Path, networks: Sequence[keras.Model]) -> None:
    """Into the first of `networks` that the file fits."""
    problems = []
    for network in networks:
        try:
            network.load_weights(path)
        except (ValueError, KeyError, OSError) as problem:
            problems.append(str(problem).strip().splitlines()[0])
        else:
            return
    raise BackboneError(f"{path} does not hold the weights of {row.title}: {problems[0]}")
