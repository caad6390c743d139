"""The networks: flat, float32 at the end, refused when unknown."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ml.inference import named_weights, put_weights
from ml.networks import LAST_CONVOLUTION, PENULTIMATE, UnknownNetworkError, build_network, fold_normalization
from ml.normalization import FusedBatchNormalization
from ml.preprocessing import Preprocessing
from tests.ml.tiny_models import TINY_INPUT, TINY_SETTINGS

COLOUR = Preprocessing("scale_minus1_1", 20, 12, 3)


@pytest.mark.parametrize("number_format", ["float32", "mixed_bfloat16"])
def test_logits_are_float32_one_per_label_under_each_number_format(number_format: str) -> None:
    network = build_network("small_residual", TINY_SETTINGS.network_settings, COLOUR, 7, number_format)
    logits = network(np.zeros((2, 20, 12, 3), np.float32))
    assert tuple(logits.shape) == (2, 7)
    assert logits.dtype == "float32"


def test_building_leaves_the_global_number_format_alone() -> None:
    before = keras.config.dtype_policy().name
    build_network("small_residual", TINY_SETTINGS.network_settings, TINY_INPUT, 2, "mixed_bfloat16")
    assert keras.config.dtype_policy().name == before


def test_the_last_convolution_and_the_pooled_features_can_be_reached() -> None:
    network = build_network("small_residual", TINY_SETTINGS.network_settings, TINY_INPUT, 2)
    assert len(network.get_layer(LAST_CONVOLUTION).output.shape) == 4
    assert network.get_layer(PENULTIMATE).output.shape == (None, 8)
    assert not any(isinstance(layer, keras.Model) for layer in network.layers)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("unheard_of", {}),
        ("small_residual", {}),
        ("small_residual", {**TINY_SETTINGS.network_settings, "depth": 2}),
        ("small_residual", {"stem": 4, "widths": [4, 8], "blocks": [1]}),
    ],
)
def test_unknown_names_and_settings_are_refused(name: str, settings: dict[str, object]) -> None:
    with pytest.raises(UnknownNetworkError):
        build_network(name, settings, TINY_INPUT, 2)


def test_fused_batch_norm_agrees_with_keras_own_in_training_and_in_use() -> None:
    images = np.random.default_rng(0).normal(3, 2, (16, 5, 5, 4)).astype(np.float32)
    ours, theirs = FusedBatchNormalization(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9)
    for _ in range(3):
        np.testing.assert_allclose(ours(images, training=True), theirs(images, training=True), atol=1e-4)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-4)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=5e-3)
    np.testing.assert_allclose(ours(images, training=False), theirs(images, training=False), atol=1e-2)


def test_a_stage_without_blocks_is_one_convolution_that_folds_like_the_others() -> None:
    settings = {"stem": 4, "widths": [4, 8], "blocks": [0, 0]}
    network = build_network("small_residual", settings, TINY_INPUT, 2)
    assert network.get_layer(LAST_CONVOLUTION).output.shape[-1] == 8
    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in network.layers) == 3
    pixels = np.random.default_rng(0).integers(0, 256, (2, *TINY_INPUT.shape)).astype(np.float32)
    network(pixels, training=True)
    folded = build_network("small_residual", settings, TINY_INPUT, 2, is_folded=True)
    weights = {name: np.asarray(value) for name, value in named_weights(network).items()}
    put_weights(folded, fold_normalization(weights))
    np.testing.assert_allclose(network(pixels), folded(pixels), atol=1e-4)
