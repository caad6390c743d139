"""Golden answers: which pictures are kept, and what a loaded model must do with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.artifact import GOLDEN, MANIFEST, WEIGHTS, digest_file, read_manifest
from ml.data_types import Answer
from ml.errors import MlError
from ml.golden import TOLERANCE, check_golden, choose_golden, read_golden
from ml.inference import LoadedModel
from ml.preprocessing import Preprocessing
from tests.ml.tiny_models import TINY_INPUT


class Recited:
    """A predictor that says what it was told to."""

    labels = ["a", "b"]
    preprocessing = TINY_INPUT
    memory_bytes = 0

    def __init__(self, scores: Any) -> None:
        self.scores = np.asarray(scores, float)

    def warm_up(self, max_batch: int = 64, seconds: float = 1.0) -> int:
        return max_batch

    def prepare(self, data: bytes) -> Any:
        raise NotImplementedError

    def predict(self, batch: Any) -> list[Answer]:
        return [Answer(int(row.argmax()), float(row.max()), row.tolist(), False, False) for row in self.scores]


def pictures(count: int, side: int = 8, channels: int = 1) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), dtype=np.uint8)


def two_scores(first: list[float]) -> Any:
    return np.array([[each, 1 - each] for each in first], np.float32)


def store(folder: Path, scores: Any, images: Any = None) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / GOLDEN, pixels=pictures(len(scores)) if images is None else images, scores=scores)
    return folder


def test_a_trained_artifact_answers_its_golden_pictures(tiny_artifact: Path) -> None:
    manifest = read_manifest(tiny_artifact)
    assert set(manifest.files) == {WEIGHTS, GOLDEN}
    assert check_golden(LoadedModel.load(tiny_artifact), tiny_artifact) == 16


def test_each_answered_label_is_kept_in_turn() -> None:
    scores = np.full((30, 3), 0.05, np.float32)
    scores[np.arange(30), [0] * 25 + [1] * 4 + [2]] = 0.9
    assert np.bincount(choose_golden(pictures(30), scores)["scores"].argmax(axis=1)).tolist() == [11, 4, 1]


def test_the_least_certain_of_the_clear_answers_are_kept() -> None:
    kept = choose_golden(pictures(20), two_scores([0.99] * 10 + [0.55] * 8 + [0.70, 0.75]))["scores"]
    assert sorted(kept[:, 0].tolist())[-16:][:2] == pytest.approx([0.55, 0.55])
    assert {round(float(each), 2) for each in kept[:2, 0]} == {0.70, 0.75}


@pytest.mark.parametrize(("side", "count"), [(8, 16), (64, 16), (100, 8), (224, 2), (1024, 2)])
def test_as_many_are_kept_as_fit(side: int, count: int) -> None:
    kept = choose_golden(pictures(20, side, 3), two_scores([0.9] * 20))
    assert len(kept["pixels"]) == len(kept["scores"]) == count


def test_one_picture_is_too_few() -> None:
    assert choose_golden(pictures(1), two_scores([0.9])) == {}


def test_an_artifact_without_golden_answers_says_so(tmp_path: Path) -> None:
    assert check_golden(Recited([]), tmp_path) == 0


def test_rounding_is_no_difference(tmp_path: Path) -> None:
    stored = two_scores([0.8, 0.1])
    rounded = stored + np.array([-0.9 * TOLERANCE, 0.9 * TOLERANCE])
    assert check_golden(Recited(rounded), store(tmp_path, stored)) == 2


def test_a_tie_may_turn_by_rounding(tmp_path: Path) -> None:
    assert check_golden(Recited([[0.49, 0.51]] * 2), store(tmp_path, two_scores([0.51, 0.51]))) == 2


def test_another_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MlError, match="answers 1 of its 2 stored test pictures otherwise"):
        check_golden(Recited(two_scores([0.2, 0.1])), store(tmp_path, two_scores([0.8, 0.1])))


def test_scores_further_off_than_rounding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MlError, match=r"up to 0\.20 away"):
        check_golden(Recited(two_scores([0.99, 0.3])), store(tmp_path, two_scores([0.99, 0.1])))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(MlError, match="not numbers"):
        check_golden(Recited([[0.8, 0.2], [value, 0.9]]), store(tmp_path, two_scores([0.8, 0.1])))


@pytest.mark.parametrize(
    ("scores", "images"),
    [
        (two_scores([0.8, 0.1]), pictures(2, 9)),
        (two_scores([0.8, 0.1]), pictures(3)),
        (two_scores([0.8] * 17), pictures(17)),
        (np.zeros((0, 2), np.float32), pictures(0)),
        (np.ones((2, 3), np.float32), pictures(2)),
        (np.full((2, 2), np.nan, np.float32), pictures(2)),
        (two_scores([0.8, 0.1]), pictures(2).astype(np.float32)),
    ],
)
def test_a_file_that_does_not_fit_the_model_is_refused(scores: Any, images: Any, tmp_path: Path) -> None:
    with pytest.raises(MlError, match=GOLDEN):
        check_golden(Recited(scores), store(tmp_path, scores, images))


def test_weights_in_the_wrong_order_are_found_although_every_digest_fits(tiny_artifact: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_artifact, folder)
    with np.load(folder / WEIGHTS) as stored:
        weights = {name: stored[name] for name in stored.files}
    weights["logits/kernel"] = weights["logits/kernel"][:, ::-1]
    np.savez(folder / WEIGHTS, **weights)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][WEIGHTS] = digest_file(folder / WEIGHTS)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(MlError, match="stored test pictures"):
        check_golden(LoadedModel.load(folder), folder)


def test_what_is_stored_is_what_the_training_process_saw(tiny_artifact: Path) -> None:
    model = LoadedModel.load(tiny_artifact)
    pixels, scores = read_golden(tiny_artifact, model)
    assert pixels.shape[1:] == model.preprocessing.shape == Preprocessing("grey_bright_on_dark", 8, 8, 1).shape
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
