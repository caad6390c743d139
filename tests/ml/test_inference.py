"""A saved model answers as it did in training, at every batch size, and says when it doubts."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from ml.artifact import read_manifest, write_artifact
from ml.data_types import Predictor
from ml.errors import MlError
from ml.images import UnreadableImage
from ml.inference import LoadedModel, compile_logits, named_weights
from ml.networks import build_network
from tests.ml.tiny_models import TINY_INPUT, TINY_SETTINGS, draw_examples


@pytest.fixture(scope="module")
def model(tiny_artifact: Path) -> LoadedModel:
    return LoadedModel.load(tiny_artifact)


def build_tiny_network() -> keras.Model:
    keras.utils.set_random_seed(5)
    network = build_network("small_residual", TINY_SETTINGS.network_settings, TINY_INPUT, 2)
    random = np.random.default_rng(5)
    for name, variable in named_weights(network).items():
        if "_norm/" in name:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return network


def store(network: keras.Model, manifest_of: Path, folder: Path, **changes: object) -> Path:
    manifest = replace(read_manifest(manifest_of), **changes)  # type: ignore[arg-type]
    write_artifact(folder, manifest, {name: np.asarray(each) for name, each in named_weights(network).items()})
    return folder


def test_it_is_a_predictor(model: LoadedModel) -> None:
    assert isinstance(model, Predictor)
    assert model.labels == ["upper", "lower"]
    assert model.memory_bytes > 4 * model.network.count_params()


def test_a_network_saved_and_loaded_gives_the_same_logits_to_16_bit_rounding(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    network = build_tiny_network()
    loaded = LoadedModel.load(store(network, tiny_artifact, tmp_path / "m"))
    images = draw_examples(20, 9).images[:]
    expected = np.asarray(network(images.astype(np.float32), training=False))
    tolerance = 0.05 if loaded.number_format == "mixed_bfloat16" else 0.01
    np.testing.assert_allclose(loaded.logits(images), expected, atol=tolerance * np.abs(expected).max())


def test_scores_sum_to_one_and_the_answer_is_the_best_of_them(model: LoadedModel) -> None:
    answers = model.predict(draw_examples(7, 1).images[:])
    assert len(answers) == 7
    for answer in answers:
        assert sum(answer.scores) == pytest.approx(1.0)
        assert answer.confidence == max(answer.scores) == answer.scores[answer.label_index]


def test_sixty_four_batch_sizes_compile_once(model: LoadedModel) -> None:
    images = draw_examples(64, 2).images[:]
    for size in range(1, 65):
        model.predict(images[:size])
    assert model.count_traces() == 1


def test_a_picture_is_answered_alike_alone_and_among_others(model: LoadedModel) -> None:
    images = draw_examples(9, 3).images[:]
    together = model.predict(images)
    for index in range(9):
        alone = model.predict(images[index : index + 1])[0]
        assert alone.scores == pytest.approx(together[index].scores, abs=1e-2)


def test_no_pictures_give_no_answers(model: LoadedModel) -> None:
    assert model.predict(np.zeros((0, 8, 8, 1), np.uint8)) == []


def test_pictures_of_another_shape_are_refused(model: LoadedModel) -> None:
    with pytest.raises(MlError, match="Expected uint8"):
        model.predict(np.zeros((1, 9, 8, 1), np.uint8))


def test_warm_up_says_how_many_pictures_fit_and_never_more_than_asked(model: LoadedModel) -> None:
    assert model.warm_up(max_batch=16) == 16
    assert model.warm_up(max_batch=64, seconds=0.0) == 1


def test_an_answer_under_the_threshold_is_unsure_and_one_above_is_not(tmp_path: Path, tiny_artifact: Path) -> None:
    network = build_tiny_network()
    image = draw_examples(1, 4).images[:]
    for limit, expected in ((1.01, True), (0.0, False)):
        folder = store(
            network,
            tiny_artifact,
            tmp_path / f"m{limit}",
            thresholds={"per_label": [limit, limit], "target_precision": 0.9},
            energy_threshold=None,
        )
        answer = LoadedModel.load(folder).predict(image)[0]
        assert answer.unsure is expected
        assert not answer.unfamiliar


def test_a_picture_beyond_the_energy_threshold_is_unfamiliar_and_so_unsure(tmp_path: Path, tiny_artifact: Path) -> None:
    folder = store(
        build_tiny_network(),
        tiny_artifact,
        tmp_path / "m",
        thresholds={"per_label": [0.0, 0.0], "target_precision": 0.9},
        energy_threshold=-1e6,
    )
    answer = LoadedModel.load(folder).predict(draw_examples(1, 4).images[:])[0]
    assert answer.unfamiliar
    assert answer.unsure


def test_a_mirror_averaging_model_answers_a_picture_and_its_mirror_image_alike() -> None:
    logits = compile_logits(build_tiny_network(), TINY_INPUT, mirror_average=True)
    images = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 1), dtype=np.uint8)
    np.testing.assert_allclose(logits(images), logits(images[:, :, ::-1]), rtol=1e-4, atol=1e-4)


def test_it_prepares_bytes_as_its_manifest_says_and_refuses_what_is_no_picture(model: LoadedModel) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20), "white").save(stream, "PNG")
    assert model.prepare(stream.getvalue()).shape == (8, 8, 1)
    with pytest.raises(UnreadableImage):
        model.prepare(b"no picture")
