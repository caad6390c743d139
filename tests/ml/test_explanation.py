"""Grad-CAM: the heat lies on what was drawn, on networks of both kinds, and comes out the same each time."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ml.artifact import Manifest
from ml.backbones import choose_input, find_backbone
from ml.data_types import LabelledImages, TrainingData
from ml.errors import MlError
from ml.heat_maps import spread_heat
from ml.preprocessing import Preprocessing
from ml.training_settings import TrainingSettings

if TYPE_CHECKING:
    from ml.explanation import Explainer

SIDE = 32
SHAPE = 10
INPUT = Preprocessing("scale_0_1", SIDE, SIDE, 3)
SETTINGS = TrainingSettings(
    epochs=6,
    batch_size=16,
    shift_pixels=0,
    network_settings={"stem": 8, "widths": [16, 16], "blocks": [1, 1]},
    mixed_precision="off",
    seed=5,
)


def draw(count: int, seed: int) -> tuple[LabelledImages, list[tuple[int, int]]]:
    """Noise with one shape at a random place: stripes that lie (0) or stand (1); and where their corner is."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    images = random.integers(0, 60, (count, SIDE, SIDE, 3), dtype=np.uint8)
    corners = []
    for image, label in zip(images, labels, strict=True):
        top, left = (int(place) for place in random.integers(0, SIDE - SHAPE + 1, 2))
        stripes = np.zeros((SHAPE, SHAPE, 3), np.uint8)
        stripes[::4] = stripes[1::4] = 220
        image[top : top + SHAPE, left : left + SHAPE] = stripes if label == 0 else stripes.swapaxes(0, 1)
        corners.append((top, left))
    return LabelledImages(images, labels), corners


def one(seed: int) -> NDArray[np.uint8]:
    """A picture of lying stripes."""
    return np.asarray(draw(1, seed)[0].images[0])


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ml.training import train  # TensorFlow: only for the tests that ask for a trained model

    folder = tmp_path_factory.mktemp("stripes") / "model"
    learn, validate, hold = (draw(count, seed)[0] for seed, count in enumerate((320, 60, 60)))
    data = TrainingData(["lying", "standing"], INPUT, learn, validate, hold, fingerprint="stripes")
    train(data, SETTINGS, folder=folder, on_progress=lambda _: None, should_stop=lambda: False)
    return folder


@pytest.fixture(scope="module")
def explainer(artifact: Path) -> Explainer:
    from ml.explanation import Explainer  # TensorFlow: only for the tests that ask for a trained model

    return Explainer.load(artifact)


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def density_on_shape(heat: NDArray[np.float32], corner: tuple[int, int]) -> float:
    """How many times more heat lies on the shape, and two pixels around it, than if it lay everywhere alike."""
    spread = spread_heat(heat, (0, 0, SIDE, SIDE), (SIDE, SIDE), (SIDE, SIDE))
    top, left = corner
    inside = spread[max(0, top - 2) : top + SHAPE + 2, max(0, left - 2) : left + SHAPE + 2]
    return float(inside.sum() / spread.sum() / (inside.size / spread.size))


def test_the_heat_lies_on_what_was_drawn(explainer: Explainer) -> None:
    examples, corners = draw(40, 77)
    heats = [explainer.find_heat(np.asarray(examples.images[place])) for place in range(40)]
    densities = [density_on_shape(heat, corner) for heat, corner in zip(heats, corners, strict=True)]
    assert float(np.mean(densities)) > 3
    assert min(densities) > 1.5


def test_the_strongest_place_is_one_and_none_is_below_zero(explainer: Explainer) -> None:
    heat = explainer.find_heat(one(5))
    assert heat.shape == (8, 8)
    assert (heat.min(), heat.max()) == (0, 1)


def test_another_label_has_another_reason(explainer: Explainer) -> None:
    image = one(6)
    assert np.abs(explainer.find_heat(image, 0) - explainer.find_heat(image, 1)).max() > 0.2


def test_without_a_label_the_models_own_answer_is_explained(explainer: Explainer) -> None:
    image = one(6)
    answer = explainer.model.predict(image[None])[0].label_index
    assert np.array_equal(explainer.find_heat(image), explainer.find_heat(image, answer))


def test_the_same_picture_gives_the_same_bytes_also_after_loading_again(artifact: Path, explainer: Explainer) -> None:
    data = as_png(one(8))
    first = explainer.explain(data)
    assert explainer.explain(data) == first
    assert type(explainer).load(artifact).explain(data) == first


def test_the_picture_keeps_its_size_up_to_512_pixels(explainer: Explainer) -> None:
    image = one(9)
    for size, expected in (((32, 32), (32, 32)), ((300, 200), (300, 200)), ((1600, 800), (512, 256))):
        data = as_png(np.asarray(Image.fromarray(image).resize(size)))
        with Image.open(io.BytesIO(explainer.explain(data))) as made:
            assert (made.format, made.mode, made.size) == ("PNG", "RGB", expected)


def test_both_views_count_where_the_version_averages_them(explainer: Explainer) -> None:
    model = explainer.model
    averaging = type(explainer)(type(model)(replace(model.manifest, mirror_average=True), model.network))
    image = one(10)
    heat = averaging.find_heat(image, 0)
    turned = averaging.find_heat(np.ascontiguousarray(image[:, ::-1]), 0)
    assert np.allclose(heat, turned[:, ::-1], atol=1e-5)


def test_what_is_no_picture_is_refused(explainer: Explainer) -> None:
    with pytest.raises(MlError):
        explainer.explain(b"no picture")


@pytest.mark.parametrize("pooling", ["mean", "flat"])
def test_it_explains_a_network_with_a_backbone(pooling: str) -> None:
    from ml.explanation import Explainer  # TensorFlow: only for the tests that ask for a network
    from ml.inference import LoadedModel
    from ml.networks import build_network

    preprocessing = choose_input(find_backbone("mobilenet"), SIDE)
    settings = {"backbone": "mobilenet", "pooling": pooling, "head": [8]}
    network = build_network("transfer", settings, preprocessing, 2, is_folded=True)
    manifest = Manifest(
        ["red", "blue"], {}, preprocessing, 1.0, {"per_label": [0.9, 0.9]}, None, False, {}, "", 0, {}, ""
    )
    heat = Explainer(LoadedModel(manifest, network)).find_heat(one(3), 1)
    assert heat.ndim == 2
    assert heat.min() >= 0
    assert heat.max() <= 1
