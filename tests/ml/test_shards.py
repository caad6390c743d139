"""A packed dataset holds what was put in, in pieces, and is refused when damaged."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ml.datasets import FASHION_LABELS, DatasetError, PixelBatch, read_idx_folder
from ml.shards import INDEX, DatasetIndex, PackedExample, ShardWriter, read_index, read_shards
from ml.splits import content_digest


def batch(count: int, *, is_test: bool = False, seed: int = 0) -> PixelBatch:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 255, (count, 4, 4, 1), dtype=np.uint8)
    return PixelBatch(pixels, np.arange(count, dtype=np.int32) % 2, is_test)


def write(folder: Path, *batches: PixelBatch, shard_bytes: int = 1 << 20) -> DatasetIndex:
    with ShardWriter(folder, ["a", "b"], has_official_test=True, shard_bytes=shard_bytes) as writer:
        for each in batches:
            writer.add_batch(each)
    return read_index(folder)


def test_raw_pictures_come_back_in_order_with_their_content_digest(tmp_path: Path) -> None:
    put = batch(10)
    index = write(tmp_path / "d", put, batch(4, is_test=True, seed=1))
    (shard,) = read_shards(tmp_path / "d")
    assert shard.pixels is not None
    np.testing.assert_array_equal(shard.pixels[:10], put.pixels)
    assert shard.labels.tolist() == [0, 1] * 7
    assert shard.is_official_test.tolist() == [False] * 10 + [True] * 4
    assert shard.content(3) == content_digest("L", 4, 4, put.pixels[3].tobytes())
    assert (index.count, index.per_label, index.per_split["holdout"]) == (14, [7, 7], 4)


def test_encoded_pictures_come_back_byte_for_byte(tmp_path: Path) -> None:
    files = [b"first", b"", b"third picture"]
    with ShardWriter(tmp_path / "d", ["a", "b"], has_official_test=False) as writer:
        for number, data in enumerate(files):
            writer.add(PackedExample(data, 1, f"{number:064x}", bytes([number] * 32), is_official_test=False))
    (shard,) = read_shards(tmp_path / "d")
    assert [shard.encoded(index) for index in range(3)] == files
    assert shard.content(2) == f"{2:064x}"
    assert shard.difference_hashes[2].tolist() == [2] * 32
    assert shard.pixels is None


def test_pictures_of_other_sizes_go_to_shards_of_their_own(tmp_path: Path) -> None:
    other = PixelBatch(np.zeros((2, 5, 4, 3), np.uint8), np.zeros(2, np.int32), is_official_test=False)
    write(tmp_path / "d", batch(3), other, batch(3, seed=2))
    assert [shard.pixels.shape for shard in read_shards(tmp_path / "d") if shard.pixels is not None] == [
        (3, 4, 4, 1),
        (2, 5, 4, 3),
        (3, 4, 4, 1),
    ]


def test_a_shard_ends_when_it_is_full(tmp_path: Path) -> None:
    index = write(tmp_path / "d", batch(10), shard_bytes=64)
    assert [entry.count for entry in index.shards] == [4, 4, 2]


def test_the_digest_stands_for_the_content(tmp_path: Path) -> None:
    same = [write(tmp_path / name, batch(10), shard_bytes=size).digest for name, size in (("a", 64), ("b", 4096))]
    assert same[0] == same[1]
    assert write(tmp_path / "c", batch(10, seed=1)).digest != same[0]


def interrupt_import(folder: Path) -> None:
    with ShardWriter(folder, ["a", "b"], has_official_test=False, shard_bytes=16) as writer:
        writer.add_batch(batch(10))
        raise KeyboardInterrupt


def test_an_interrupted_import_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt_import(tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path / "d", batch(2))
    with pytest.raises(DatasetError, match="never written over"):
        write(tmp_path / "d", batch(2))


def test_a_label_outside_the_list_is_refused(tmp_path: Path) -> None:
    wrong = PixelBatch(np.zeros((1, 4, 4, 1), np.uint8), np.array([2], np.int32), is_official_test=False)
    with pytest.raises(DatasetError, match="outside the 2 labels"):
        write(tmp_path / "d", wrong)


def test_a_flipped_byte_in_a_shard_is_refused(tmp_path: Path) -> None:
    index = write(tmp_path / "d", batch(10))
    path = tmp_path / "d" / index.shards[0].name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="damaged"):
        list(read_shards(tmp_path / "d"))


def test_an_index_of_another_version_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "d", batch(1))
    values = json.loads((tmp_path / "d" / INDEX).read_text())
    (tmp_path / "d" / INDEX).write_text(json.dumps({**values, "format_version": 2}))
    with pytest.raises(DatasetError, match="format version"):
        read_index(tmp_path / "d")


def test_fashion_mnist_packs_at_five_thousand_pictures_a_second_in_flat_memory(
    tmp_path: Path, fashion_folder: Path
) -> None:
    started = time.process_time()
    with ShardWriter(tmp_path / "d", FASHION_LABELS, has_official_test=True, shard_bytes=4 << 20) as writer:
        for each in read_idx_folder(fashion_folder):
            writer.add_batch(each)
    seconds = time.process_time() - started
    index = read_index(tmp_path / "d")
    assert index.per_label == [7000] * 10
    assert index.per_split["holdout"] == 10_000
    assert 5_500 < index.per_split["validation"] < 6_500
    assert index.count / seconds >= 5_000


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    peaks = []
    for times in (20, 200):
        tracemalloc.start()
        with ShardWriter(tmp_path / str(times), ["a", "b"], has_official_test=False, shard_bytes=1 << 14) as writer:
            for seed in range(times):
                writer.add_batch(batch(100, seed=seed))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
