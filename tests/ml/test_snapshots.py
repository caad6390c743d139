"""The frozen data of a run: split by content, duplicates left out, named by a fingerprint."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.data_types import Preprocessing, Split
from ml.datasets import DatasetError, PixelBatch
from ml.shards import PackedExample, ShardWriter
from ml.snapshots import load_training_data
from ml.splits import choose_split, content_digest

COLOUR = Preprocessing("scale_0_1", 4, 4, 3)
GREY = Preprocessing("grey_bright_on_dark", 4, 4, 1)


def pictures(count: int, seed: int) -> np.ndarray:
    pixels = np.zeros((count, 4, 4, 1), np.uint8)
    pixels[:, 1:3, 1:3, 0] = np.random.default_rng(seed).integers(1, 255, (count, 2, 2))
    return pixels


def write(
    folder: Path, pixels: np.ndarray, *, test: np.ndarray | None = None, labels: tuple[str, ...] = ("a", "b")
) -> Path:
    with ShardWriter(folder, list(labels), has_official_test=test is not None) as writer:
        writer.add_batch(PixelBatch(pixels, np.zeros(len(pixels), np.int32), is_official_test=False))
        if test is not None:
            writer.add_batch(PixelBatch(test, np.ones(len(test), np.int32), is_official_test=True))
    return folder


def test_each_picture_goes_where_its_content_says(tmp_path: Path) -> None:
    pixels = pictures(200, 0)
    data = load_training_data([write(tmp_path / "d", pixels)], GREY)
    expected = [choose_split(content_digest("L", 4, 4, each.tobytes())) for each in pixels]
    assert len(data.train) == expected.count(Split.TRAIN)
    np.testing.assert_array_equal(data.holdout.images, pixels[[each is Split.HOLDOUT for each in expected]])


def test_an_official_test_is_the_holdout(tmp_path: Path) -> None:
    data = load_training_data([write(tmp_path / "d", pictures(50, 0), test=pictures(10, 1))], GREY)
    assert len(data.holdout) == 10
    assert set(data.holdout.labels.tolist()) == {1}
    assert len(data.train) + len(data.validation) == 50


def test_a_training_picture_equal_to_a_holdout_picture_is_left_out(tmp_path: Path) -> None:
    pixels = pictures(50, 0)
    data = load_training_data([write(tmp_path / "d", pixels, test=pixels[:20])], GREY)
    assert len(data.holdout) == 20
    assert len(data.train) + len(data.validation) == 30


def test_encoded_and_raw_pictures_are_prepared_alike(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (9, 9), (10, 20, 30)).save(stream, "PNG")
    with ShardWriter(tmp_path / "d", ["a", "b"], has_official_test=True) as writer:
        writer.add(PackedExample(stream.getvalue(), 0, "0" * 64, bytes(32), is_official_test=False))
        raw = np.tile(np.array([10, 20, 30], np.uint8), (9, 9, 1))
        writer.add(PackedExample(raw, 1, "1" * 64, bytes(32), is_official_test=False))
    data = load_training_data([tmp_path / "d"], COLOUR)
    np.testing.assert_array_equal(data.train.images[0], data.train.images[1])


def test_equal_data_has_an_equal_fingerprint_in_any_order_and_other_data_another(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", pictures(50, 0)), write(tmp_path / "2", pictures(50, 1))
    fingerprint = load_training_data([first, second], GREY).fingerprint
    assert load_training_data([second, first], GREY).fingerprint == fingerprint
    assert load_training_data([first], GREY).fingerprint != fingerprint
    assert load_training_data([first, second], COLOUR).fingerprint != fingerprint


def test_datasets_of_other_labels_are_refused_together(tmp_path: Path) -> None:
    first = write(tmp_path / "1", pictures(5, 0))
    second = write(tmp_path / "2", pictures(5, 1), labels=("b", "a"))
    with pytest.raises(DatasetError, match="same labels"):
        load_training_data([first, second], GREY)
    with pytest.raises(DatasetError, match="same labels"):
        load_training_data([], GREY)
