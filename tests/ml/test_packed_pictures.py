"""Pictures that stay packed read as those in memory do, and a run over them needs no memory for all."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest

from ml.data_types import LabelledImages, Split, TrainingData
from ml.datasets import DatasetError
from ml.feature_cache import FolderStore
from ml.features import FeatureExtractor
from ml.network_parts import PENULTIMATE
from ml.packed_pictures import PackedPictures, allocate, stream_training_data, unpack
from ml.preprocessing import Preprocessing
from ml.shards import PackedExample, ShardWriter
from ml.splits import content_digest
from ml.training_examples import Selection, load_training_data, select_examples

INPUT = Preprocessing("scale_0_1", 16, 16, 3)


def pack(folder: Path, count: int, side: int = 16, shard_bytes: int = 16 * 1024) -> Selection:
    """Random pictures of two labels, in many shards."""
    random = np.random.default_rng(0)
    with ShardWriter(folder, ["x", "y"], has_official_test=False, shard_bytes=shard_bytes) as writer:
        for place in range(count):
            pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            content = content_digest("RGB", side, side, pixels.tobytes())
            writer.add(PackedExample(pixels, place % 2, content, bytes(32), False))
    return select_examples([folder], ["x", "y"])


def train_part(data: TrainingData) -> PackedPictures:
    assert isinstance(data.train.images, PackedPictures)
    return data.train.images


def make_extractor(side: int, store: FolderStore | None = None) -> FeatureExtractor:
    inputs = keras.Input((side, side, 3))
    pooled = keras.layers.Flatten(name=PENULTIMATE)(keras.layers.AveragePooling2D(side // 2)(inputs))
    preprocessing = Preprocessing("scale_0_1", side, side, 3)
    return FeatureExtractor(keras.Model(inputs, keras.layers.Dense(2)(pooled)), preprocessing, "space", store)


@pytest.fixture(scope="module")
def selection(tmp_path_factory: pytest.TempPathFactory) -> Selection:
    return pack(tmp_path_factory.mktemp("packed") / "a", 200)


def test_every_part_holds_the_pictures_and_labels_of_the_loaded_one(selection: Selection) -> None:
    loaded = load_training_data(selection, INPUT, fingerprint="f")
    streamed = stream_training_data(selection, INPUT, fingerprint="f")
    assert len(selection.shards) > 5
    for split in Split:
        ours, theirs = getattr(streamed, split), getattr(loaded, split)
        assert ours.images.shape == theirs.images.shape
        np.testing.assert_array_equal(ours.images[:], theirs.images)
        np.testing.assert_array_equal(ours.labels, theirs.labels)


def test_pictures_are_read_by_slices_numbers_and_lists_in_any_order(selection: Selection) -> None:
    images = train_part(stream_training_data(selection, INPUT, fingerprint="f"))
    array = images[:]
    np.testing.assert_array_equal(images[3:70:5], array[3:70:5])
    np.testing.assert_array_equal(images[[90, 2, 2, 41]], array[[90, 2, 2, 41]])
    np.testing.assert_array_equal(images[-1], array[-1])
    assert images[[]].shape == (0, 16, 16, 3)
    with pytest.raises(IndexError):
        images[len(images)]


def test_a_mirrored_picture_has_another_key_and_equal_ones_have_equal_keys(selection: Selection) -> None:
    first, second = (train_part(stream_training_data(selection, INPUT, fingerprint="f")) for _ in range(2))
    assert first.keys(False) == second.keys(False)
    assert len({*first.keys(False), *first.keys(True)}) == 2 * len(first)


def test_features_of_both_views_are_those_of_pictures_in_memory(selection: Selection) -> None:
    images = train_part(stream_training_data(selection, INPUT, fingerprint="f"))
    extractor = make_extractor(16)
    both = extractor.extract_views(images, mirrored=True)
    np.testing.assert_array_equal(both[:, 0], extractor.extract(images[:]))
    np.testing.assert_array_equal(both[:, 1], extractor.extract(images[:][:, :, ::-1]))


def test_known_features_are_found_without_opening_a_shard(
    selection: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = train_part(stream_training_data(selection, INPUT, fingerprint="f"))
    store = FolderStore(tmp_path)
    first = make_extractor(16, store).extract_views(images, mirrored=True)
    monkeypatch.setattr("ml.packed_pictures.read_shards", lambda *_: pytest.fail("a shard was opened"))
    again = train_part(stream_training_data(selection, INPUT, fingerprint="f"))
    np.testing.assert_array_equal(make_extractor(16, store).extract_views(again, mirrored=True), first)


def test_memory_stays_flat_however_many_pictures_there_are(tmp_path: Path) -> None:
    preprocessing = Preprocessing("scale_0_1", 64, 64, 3)
    selection = pack(tmp_path / "many", 3000, side=64, shard_bytes=1024 * 1024)
    images = train_part(stream_training_data(selection, preprocessing, fingerprint="f"))
    extractor = make_extractor(64)
    extractor.compute(images[:32])
    tracemalloc.start()
    try:
        extractor.extract_views(images, mirrored=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.prod(images.shape) > 28e6
    assert peak < 8e6


def test_a_damaged_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    selection = pack(tmp_path / "a", 60)
    path = tmp_path / "a" / selection.shards[0].entry.name
    path.write_bytes(path.read_bytes()[:-10])
    images = train_part(stream_training_data(selection, INPUT, fingerprint="f"))
    with pytest.raises(DatasetError, match=path.name):
        images[:1]


@pytest.mark.parametrize("most_bytes", [10**9, 0])
def test_unpacked_pictures_lie_in_memory_or_in_a_file_without_a_name(
    selection: Selection, tmp_path: Path, most_bytes: int
) -> None:
    images = train_part(stream_training_data(selection, INPUT, fingerprint="f"))
    unpacked = unpack(images, tmp_path, most_bytes)
    assert isinstance(unpacked, np.memmap) == (most_bytes == 0)
    np.testing.assert_array_equal(unpacked, images[:])
    assert list(tmp_path.iterdir()) == []


def test_features_too_many_for_memory_are_the_same(
    selection: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = train_part(stream_training_data(selection, INPUT, fingerprint="f"))
    expected = make_extractor(16).extract_views(images, mirrored=True)
    monkeypatch.setattr("ml.features.allocate", lambda shape, kind, scratch: allocate(shape, kind, scratch, 0))
    found = make_extractor(16).extract_views(images, mirrored=True, scratch=tmp_path)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, expected)
    assert list(tmp_path.iterdir()) == []


def test_an_array_is_unpacked_already() -> None:
    array = LabelledImages(np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2, np.int32)).images
    assert unpack(array, None) is array
