"""Packed pictures of several datasets become the parts of one run, without one part knowing another's pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ml.data_types import Pixels, Split
from ml.datasets import DatasetError
from ml.errors import MlError
from ml.preprocessing import Preprocessing
from ml.shards import PackedExample, ShardWriter
from ml.splits import choose_split, content_digest
from ml.training_examples import iterate_pictures, load_training_data, refuse_too_small, select_examples

INPUT = Preprocessing("grey_bright_on_dark", 8, 8, 1)
Example = tuple[Pixels, int, bool, bytes]


def draw(seed: int) -> Pixels:
    """8x8 grey on a dark border, different for each seed."""
    pixels = np.zeros((8, 8, 1), np.uint8)
    pixels[1:7, 1:7] = np.random.default_rng(seed).integers(0, 256, (6, 6, 1), dtype=np.uint8)
    return pixels


def content_of(pixels: Pixels) -> str:
    return content_digest("L", 8, 8, pixels.tobytes())


def pack(
    folder: Path, labels: list[str], examples: Sequence[Example], *, official: bool = False, shard_bytes: int = 1 << 20
) -> Path:
    with ShardWriter(folder, labels, has_official_test=official, shard_bytes=shard_bytes) as writer:
        for pixels, label, is_test, difference_hash in examples:
            writer.add(PackedExample(pixels, label, content_of(pixels), difference_hash, is_test))
    return folder


def plain(seed: int, label: int, *, is_test: bool = False, difference_hash: bytes = bytes(32)) -> Example:
    return draw(seed), label, is_test, difference_hash


def seeds_of(split: Split, count: int, *, start: int = 0) -> list[int]:
    """Seeds whose pictures fall to a split of a dataset without official test."""
    found: list[int] = []
    seed = start
    while len(found) < count:
        if choose_split(content_of(draw(seed))) == split:
            found.append(seed)
        seed += 1
    return found


def test_every_picture_falls_where_its_content_says(tmp_path: Path) -> None:
    folder = pack(tmp_path / "a", ["x", "y"], [plain(seed, seed % 2) for seed in range(200)])
    selection = select_examples([folder], ["x", "y"])
    expected = [choose_split(content_of(draw(seed))) for seed in range(200)]
    for split in Split:
        assert selection.count(split) == expected.count(split)
    assert selection.left_out == {}


def test_an_official_test_split_is_the_holdout(tmp_path: Path) -> None:
    examples = [plain(seed, seed % 2, is_test=seed < 20) for seed in range(100)]
    selection = select_examples([pack(tmp_path / "a", ["x", "y"], examples, official=True)], ["x", "y"])
    assert selection.count(Split.HOLDOUT) == 20
    assert selection.counts["holdout"] == {"x": 10, "y": 10}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_holdout_wins_in_any_order_of_arrival(tmp_path: Path, order: tuple[int, int]) -> None:
    seeds = seeds_of(Split.TRAIN, 30)
    own = pack(tmp_path / "own", ["x", "y"], [plain(seed, seed % 2) for seed in seeds])
    official = [plain(seed, seed % 2, is_test=True) for seed in seeds[:5]]
    other = pack(tmp_path / "other", ["x", "y"], official, official=True)
    folders = [(own, other)[place] for place in order]
    selection = select_examples(folders, ["x", "y"])
    assert selection.count(Split.HOLDOUT) == 5
    assert selection.count(Split.TRAIN) == 25
    assert selection.left_out == {"equal_to_holdout": 5}


def test_near_duplicates_of_the_holdout_are_left_out(tmp_path: Path) -> None:
    near, far = (1).to_bytes(32, "big"), (2**200 - 1).to_bytes(32, "big")
    train, holdout = seeds_of(Split.TRAIN, 2), seeds_of(Split.HOLDOUT, 1)
    examples = [
        plain(train[0], 0, difference_hash=near),
        plain(train[1], 1, difference_hash=far),
        plain(holdout[0], 0, difference_hash=(3).to_bytes(32, "big")),
    ]
    selection = select_examples([pack(tmp_path / "a", ["x", "y"], examples)], ["x", "y"])
    assert selection.left_out["near_holdout"] == 1
    assert selection.counts["train"] == {"y": 1}


def test_small_pictures_are_compared_by_equality_alone(tmp_path: Path) -> None:
    train, holdout = seeds_of(Split.TRAIN, 2), seeds_of(Split.HOLDOUT, 1)
    examples = [plain(seed, place % 2) for place, seed in enumerate([*train, *holdout])]
    selection = select_examples([pack(tmp_path / "a", ["x", "y"], examples)], ["x", "y"])
    assert selection.left_out == {}


def test_labels_of_several_datasets_meet_in_one_list(tmp_path: Path) -> None:
    seeds = seeds_of(Split.TRAIN, 6)
    first = pack(tmp_path / "a", ["cat", "dog"], [plain(seeds[0], 0), plain(seeds[1], 1), plain(seeds[2], 1)])
    second = pack(tmp_path / "b", ["bird", "cat"], [plain(seeds[3], 0), plain(seeds[4], 1), plain(seeds[5], 1)])
    selection = select_examples([first, second], ["bird", "cat", "dog"])
    assert selection.labels == ["bird", "cat", "dog"]
    assert selection.counts["train"] == {"bird": 1, "cat": 3, "dog": 2}
    data = load_training_data(selection, INPUT, fingerprint="f")
    assert data.train.labels.tolist() == [1, 2, 2, 0, 1, 1]


def test_a_label_without_a_training_picture_is_no_label_of_the_run(tmp_path: Path) -> None:
    train, holdout = seeds_of(Split.TRAIN, 2), seeds_of(Split.HOLDOUT, 1)
    examples = [plain(train[0], 0), plain(train[1], 2), plain(holdout[0], 1)]
    selection = select_examples([pack(tmp_path / "a", ["x", "rare", "y"], examples)], ["x", "rare", "y"])
    assert selection.labels == ["x", "y"]
    assert selection.left_out == {"label_without_training": 1}
    assert load_training_data(selection, INPUT, fingerprint="f").train.labels.tolist() == [0, 1]


def test_labels_that_were_not_asked_for_are_left_out(tmp_path: Path) -> None:
    seeds = seeds_of(Split.TRAIN, 3)
    folder = pack(tmp_path / "a", ["x", "y", "z"], [plain(seed, place) for place, seed in enumerate(seeds)])
    selection = select_examples([folder], ["x", "y"])
    assert selection.labels == ["x", "y"]
    assert selection.left_out == {"label_without_training": 1}


def test_loaded_pictures_are_those_that_were_packed(tmp_path: Path) -> None:
    seeds = [*seeds_of(Split.TRAIN, 40), *seeds_of(Split.VALIDATION, 5), *seeds_of(Split.HOLDOUT, 5)]
    examples = [plain(seed, seed % 2) for seed in seeds]
    folder = pack(tmp_path / "a", ["x", "y"], examples, shard_bytes=640)
    assert len(list(folder.glob("*.npz"))) > 3
    selection = select_examples([folder], ["x", "y"])
    data = load_training_data(selection, INPUT, fingerprint="f")
    assert len(data.train) == 40
    assert np.array_equal(data.train.images[7], draw(seeds[7]))
    assert np.array_equal(data.holdout.images[2], draw(seeds[47]))
    assert data.fingerprint == "f"


def test_one_part_can_be_read_alone(tmp_path: Path) -> None:
    seeds = [*seeds_of(Split.TRAIN, 4), *seeds_of(Split.HOLDOUT, 3)]
    selection = select_examples(
        [pack(tmp_path / "a", ["x", "y"], [plain(seed, place % 2) for place, seed in enumerate(seeds)])], ["x", "y"]
    )
    assert [label for _, label, _ in iterate_pictures(selection, INPUT, [Split.HOLDOUT])] == [0, 1, 0]


def test_progress_counts_the_pictures(tmp_path: Path) -> None:
    folder = pack(tmp_path / "a", ["x", "y"], [plain(seed, seed % 2) for seed in seeds_of(Split.TRAIN, 3)])
    heard: list[tuple[int, int]] = []
    load_training_data(
        select_examples([folder], ["x", "y"]),
        INPUT,
        fingerprint="f",
        on_progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_too_few_examples_are_refused_with_advice(tmp_path: Path) -> None:
    train = seeds_of(Split.TRAIN, 4)
    one_label = pack(tmp_path / "a", ["x", "y"], [plain(seed, 0) for seed in train])
    with pytest.raises(MlError, match="at least two"):
        refuse_too_small(select_examples([one_label], ["x", "y"]))
    no_validation = pack(tmp_path / "b", ["x", "y"], [plain(seed, place % 2) for place, seed in enumerate(train)])
    with pytest.raises(MlError, match="fell to validation"):
        refuse_too_small(select_examples([no_validation], ["x", "y"]))


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    folder = pack(tmp_path / "a", ["x", "y"], [plain(seed, seed % 2) for seed in range(20)])
    (folder / "shard-00000.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="shard-00000"):
        select_examples([folder], ["x", "y"])
