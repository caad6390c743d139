"""The table of backbones: found, prepared for, loaded from a file, refused with a sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import numpy as np
import pytest

from ml.backbones import BACKBONES, BackboneError, choose_input, find_backbone, find_weights, has_weights
from ml.images import input_scaling
from ml.inference import named_weights, put_weights
from ml.network_parts import LAST_CONVOLUTION, PENULTIMATE, UnknownNetworkError
from ml.networks import build_network
from ml.preprocessing import Preprocessing
from ml.transfer_network import build_plain, cut, load_backbone

SIDE = 32
GIVEN_FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "backbones"
GIVEN_DIGEST = "0b9c4fdb750d051c81eef5b72bd83f04e8094dbd81227e411682bf85c3fa5ba6"
TESTED = ["mobilenet", "vgg16"]
HEAD = {"logits/kernel", "logits/bias"}


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


def build_with(backbone: str, weights: dict[str, np.ndarray], side: int = SIDE) -> keras.Model:
    network = build_network("transfer", {"backbone": backbone}, choose_input(find_backbone(backbone), side), 2)
    put_weights(network, weights, leave=HEAD)
    return network


def plain_features(backbone: str, plain: keras.Model, images: np.ndarray) -> np.ndarray:
    """What Keras' own network with Keras' own preprocessing gives."""
    if backbone == "vgg16":
        scaled = keras.applications.vgg16.preprocess_input(images.copy())
    else:
        scaled = keras.applications.mobilenet.preprocess_input(images.copy())
    features: np.ndarray = np.asarray(cut(plain, find_backbone(backbone))(scaled, training=False)).mean(axis=(1, 2))
    return features


@pytest.mark.parametrize("backbone", TESTED)
@pytest.mark.parametrize("kind", ["cut", "whole"])
def test_stored_weights_give_the_features_of_keras_own_network(
    backbone: str, kind: str, tmp_path: Path, no_cache: Path
) -> None:
    row = find_backbone(backbone)
    keras.utils.set_random_seed(4)
    plain = build_plain(row, choose_input(row, SIDE))
    random = np.random.default_rng(4)
    for layer in plain.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, each.shape) for each in layer.get_weights()])
    (plain if kind == "whole" else cut(plain, row)).save_weights(tmp_path / f"{row.file_prefix}x.weights.h5")
    network = build_with(backbone, load_backbone(row, find_weights(row, tmp_path)))
    images = random.uniform(0, 255, (3, SIDE, SIDE, 3)).astype(np.float32)
    ours = keras.Model(network.input, network.get_layer(PENULTIMATE).output)(images, training=False)
    np.testing.assert_allclose(ours, plain_features(backbone, plain, images), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_each_row_of_the_table_builds_a_flat_network_whose_names_do_not_depend_on_what_was_built_before(
    backbone: str,
) -> None:
    row = find_backbone(backbone)
    weights = load_backbone(row, None, seed=1)
    network = build_with(backbone, weights)
    assert set(named_weights(network)) == set(weights) | HEAD
    assert network.get_layer(LAST_CONVOLUTION).output.shape[-1] == row.channels
    assert network.get_layer(PENULTIMATE).output.shape == (None, row.channels)
    assert any(layer.name.startswith(row.last_block) for layer in network.layers)
    assert np.isfinite(network(np.zeros((1, SIDE, SIDE, 3), np.float32))).all()


def test_each_preprocessing_is_the_one_keras_documents() -> None:
    pixel = np.asarray([[[[10.0, 100.0, 250.0]]]], np.float32)
    for name, mode in (("scale_minus1_1", "tf"), ("imagenet_standard", "torch"), ("imagenet_bgr", "caffe")):
        scale, offset = map(np.asarray, input_scaling(Preprocessing(name, 32, 32, 3)))  # type: ignore[arg-type]
        expected = keras.applications.imagenet_utils.preprocess_input(pixel.copy(), mode=mode)
        ours = pixel * scale + offset
        np.testing.assert_allclose(ours[..., ::-1] if mode == "caffe" else ours, expected, atol=1e-5)


def test_weights_in_the_folder_win_over_the_cache_and_their_digest_is_that_of_the_bytes(
    tmp_path: Path, no_cache: Path
) -> None:
    row = find_backbone("vgg16")
    (no_cache / row.cached_file).write_bytes(b"cached")
    assert find_weights(row, tmp_path).path == no_cache / row.cached_file
    (tmp_path / "vgg16_b.weights.h5").write_bytes(b"second")
    (tmp_path / "vgg16_a.weights.h5").write_bytes(b"first")
    found = find_weights(row, tmp_path)
    assert found.path.name == "vgg16_a.weights.h5"
    assert found.digest == hashlib.sha256(b"first").hexdigest()


def test_the_file_of_one_backbone_is_not_taken_for_another(tmp_path: Path, no_cache: Path) -> None:
    (tmp_path / "mobilenet_v2_1.weights.h5").write_bytes(b"")
    (tmp_path / "mobilenet_1_00_224_through_conv_pw_12.weights.h5").write_bytes(b"")
    assert find_weights(find_backbone("mobilenet"), tmp_path).path.name.startswith("mobilenet_1_00")
    assert find_weights(find_backbone("mobilenet_v2"), tmp_path).path.name == "mobilenet_v2_1.weights.h5"
    assert not has_weights(find_backbone("convnext_tiny"), tmp_path)


def test_missing_weights_are_an_error_that_names_both_places(tmp_path: Path, no_cache: Path) -> None:
    with pytest.raises(BackboneError) as caught:
        find_weights(find_backbone("vgg16"), tmp_path)
    assert str(tmp_path / "vgg16") in str(caught.value)
    assert str(no_cache) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_a_file_that_holds_no_weights_is_refused(content: bytes, tmp_path: Path, no_cache: Path) -> None:
    (tmp_path / "vgg16.weights.h5").write_bytes(content)
    row = find_backbone("vgg16")
    with pytest.raises(BackboneError, match="does not hold the weights of VGG16"):
        load_backbone(row, find_weights(row, tmp_path))


def test_unknown_names_and_sizes_are_refused() -> None:
    with pytest.raises(BackboneError, match="Unknown backbone"):
        find_backbone("unheard_of")
    with pytest.raises(BackboneError, match="at least 32"):
        choose_input(find_backbone("vgg16"), 31)
    with pytest.raises(UnknownNetworkError, match="prepared as"):
        build_network("transfer", {"backbone": "vgg16"}, Preprocessing("scale_0_1", 32, 32, 3), 2)
    fitting = choose_input(find_backbone("vgg16"), SIDE)
    with pytest.raises(UnknownNetworkError, match="cannot be built"):
        build_network("transfer", {"backbone": "vgg16", "head": [10**9]}, fitting, 2)


def test_the_given_mobilenet_knows_pictures() -> None:
    if not GIVEN_FOLDER.is_dir():
        pytest.skip("the weights of the MobileNet are not beside this checkout")
    row = find_backbone("mobilenet")
    file = find_weights(row, GIVEN_FOLDER)
    assert file.digest == GIVEN_DIGEST
    network = build_with("mobilenet", load_backbone(row, file), 64)
    features = keras.Model(network.input, network.get_layer(PENULTIMATE).output)
    flat, striped = np.full((1, 64, 64, 3), 128, np.float32), np.zeros((1, 64, 64, 3), np.float32)
    striped[:, ::8] = 255
    values = np.concatenate([features(flat), features(striped)])
    assert 0.1 < values.mean() < 2
    assert np.abs(values[0] - values[1]).mean() > 0.1
