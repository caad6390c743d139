"""Features: computed once for each picture, kept in packs, whatever the packs lie in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import pytest

from ml.feature_cache import FeatureCache, FolderStore
from ml.features import FeatureExtractor, name_space
from ml.network_parts import PENULTIMATE
from ml.preprocessing import Preprocessing

INPUT = Preprocessing("scale_0_1", 4, 4, 3)


class MemoryStore:
    """A store that is no folder, as object storage is none."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def names(self, prefix: str) -> Iterable[str]:
        return [name for name in self.kept if name.startswith(prefix)]

    def read(self, name: str) -> bytes:
        return self.kept[name]

    def write(self, name: str, data: bytes) -> None:
        self.kept[name] = data


class CountingExtractor(FeatureExtractor):
    """Counts the pictures that go through the network."""

    computed = 0

    def _compute_batch(self, images: np.ndarray) -> np.ndarray:
        self.computed += len(images)
        return super()._compute_batch(images)


def make_extractor(store: MemoryStore | FolderStore | None = None, space: str = "space") -> CountingExtractor:
    inputs = keras.Input((4, 4, 3))
    pooled = keras.layers.GlobalAveragePooling2D(name=PENULTIMATE)(inputs)
    return CountingExtractor(keras.Model(inputs, keras.layers.Dense(2)(pooled)), INPUT, space, store)


def draw(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 4, 4, 3), dtype=np.uint8)


def test_features_are_those_of_the_pooled_layer_in_the_order_of_the_pictures() -> None:
    images = draw(40)
    np.testing.assert_allclose(make_extractor().extract(images), images.mean(axis=(1, 2)), rtol=1e-2)


def test_equal_pictures_are_computed_once() -> None:
    extractor, images = make_extractor(), draw(3)
    features = extractor.extract(images[[0, 1, 0, 2, 1]])
    assert extractor.computed == 3
    np.testing.assert_array_equal(features[0], features[2])


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_known_pictures_come_from_the_store_and_only_new_ones_are_computed(kind: str, tmp_path: Path) -> None:
    store = MemoryStore() if kind == "memory" else FolderStore(tmp_path)
    images = draw(10)
    first = make_extractor(store).extract(images[:6])
    second = make_extractor(store)
    features = second.extract(images)
    assert second.computed == 4
    np.testing.assert_array_equal(features[:6], first)


def test_a_mirrored_picture_is_another_picture() -> None:
    store, images = MemoryStore(), draw(2)
    make_extractor(store).extract(images)
    mirrored = make_extractor(store)
    mirrored.extract(images[:, :, ::-1])
    assert mirrored.computed == 2


def test_another_space_shares_nothing() -> None:
    store = MemoryStore()
    make_extractor(store).extract(draw(2))
    other = make_extractor(store, "other")
    other.extract(draw(2))
    assert other.computed == 2


@pytest.mark.parametrize("damage", [b"", b"no pack", None])
def test_a_damaged_pack_is_computed_again(damage: bytes | None) -> None:
    store = MemoryStore()
    expected = make_extractor(store).extract(draw(4))
    [name] = store.kept
    flipped = bytearray(store.kept[name])
    flipped[len(flipped) // 2] ^= 1
    store.kept[name] = bytes(flipped) if damage is None else damage
    extractor = make_extractor(store)
    np.testing.assert_array_equal(extractor.extract(draw(4)), expected)
    assert extractor.computed == 4


def test_a_pack_of_another_width_is_passed_over() -> None:
    store = MemoryStore()
    FeatureCache(store, "space").add([bytes(32)], np.zeros((1, 5), np.float16))
    known = FeatureCache(store, "space").fill([bytes(32)], np.zeros((1, 3), np.float16))
    assert not known.any()


def test_it_tells_how_many_are_done_also_from_the_store() -> None:
    store, told = MemoryStore(), list[int]()
    make_extractor(store).extract(draw(5))
    make_extractor(store).extract(draw(40), told.append)
    assert told == [5, 37, 40]


def test_no_pictures_give_no_features() -> None:
    assert make_extractor().extract(draw(0)).shape == (0, 3)


def test_a_space_depends_on_all_that_features_depend_on() -> None:
    other = Preprocessing("scale_0_1", 8, 8, 3)
    spaces = {
        name_space("digest", INPUT, "mean", "float32", "vgg16"),
        name_space("other", INPUT, "mean", "float32", "vgg16"),
        name_space("digest", other, "mean", "float32", "vgg16"),
        name_space("digest", INPUT, "flat", "float32", "vgg16"),
        name_space("digest", INPUT, "mean", "mixed_bfloat16", "vgg16"),
        name_space("digest", INPUT, "mean", "float32", "mobilenet"),
    }
    assert len(spaces) == 6


def write_pack(store: FolderStore, name: str, size: int, used: int) -> None:
    store.write(f"space/{name}.npz", bytes(size))
    os.utime(store.folder / "space" / f"{name}.npz", (used, used))


def test_a_full_folder_loses_the_packs_that_were_not_used_for_longest(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, most_bytes=300)
    for used, name in enumerate(("a", "b", "c"), start=1):
        write_pack(store, name, 100, used)
    store.read("space/a.npz")
    store.write("space/d.npz", bytes(150))
    assert store.names("space/") == ["space/a.npz", "space/d.npz"]


def test_a_pack_larger_than_the_folder_may_be_is_not_kept(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, most_bytes=300)
    write_pack(store, "a", 100, 1)
    store.write("space/b.npz", bytes(301))
    assert store.names("space/") == ["space/a.npz"]
