"""Reading IDX files and folders of pictures, well made and broken."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from ml.datasets import DatasetError, IdxFile, list_folder, read_idx, read_idx_folder


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_pair(folder: Path, prefix: str, count: int) -> np.ndarray:
    pictures = np.arange(count * 12, dtype=np.uint8).reshape(count, 3, 4)
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(pictures)))
    (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.arange(count) % 3)))
    return pictures


def test_an_idx_file_is_read_whole_plain_or_compressed(tmp_path: Path) -> None:
    values = np.arange(24).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(idx_bytes(values))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(values)))
    assert read_idx(tmp_path / "a").tolist() == values.tolist()
    assert read_idx(tmp_path / "a.gz").tolist() == values.tolist()


def test_pieces_follow_each_other_without_gap(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(idx_bytes(np.arange(10)))
    assert [piece.tolist() for piece in IdxFile(tmp_path / "a").pieces(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_train_and_test_files_are_paired_with_their_labels(tmp_path: Path) -> None:
    train = write_pair(tmp_path, "train", 5)
    write_pair(tmp_path, "t10k", 2)
    first, second = read_idx_folder(tmp_path)
    np.testing.assert_array_equal(first.pixels[..., 0], train)
    assert first.labels.tolist() == [0, 1, 2, 0, 1]
    assert (first.is_official_test, second.is_official_test) == (False, True)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "ends early"),
        (b"<html>", "no IDX file"),
        (struct.pack(">HBBI", 0, 13, 1, 1) + b"1234", "no IDX file"),
        (idx_bytes(np.arange(10))[:-1], "ends early"),
        (idx_bytes(np.arange(10)) + b"x", "more than"),
    ],
)
def test_a_broken_idx_file_is_refused_with_its_reason(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / "broken").write_bytes(data)
    with pytest.raises(DatasetError, match=sentence):
        read_idx(tmp_path / "broken")


def test_a_cut_off_gz_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(np.arange(1000)))[:-20])
    with pytest.raises(DatasetError, match=r"a\.gz"):
        read_idx(tmp_path / "a.gz")


def test_labels_that_do_not_fit_the_pictures_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "train", 5)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.arange(4))))
    with pytest.raises(DatasetError, match="does not fit"):
        list(read_idx_folder(tmp_path))


def test_a_folder_without_idx_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pair of IDX files"):
        list(read_idx_folder(tmp_path))


def put_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_per_label_gives_sorted_labels_and_names_what_is_passed_over(tmp_path: Path) -> None:
    put_files(tmp_path, "dog/1.JPG", "cat/b.png", "cat/deep/a.webp", "cat/notes.txt", "cat/.DS_Store", "readme.md")
    listing = list_folder(tmp_path)
    assert listing.labels == ["cat", "dog"]
    assert [(each.path.name, each.label_index) for each in listing.pictures] == [
        ("b.png", 0),
        ("a.webp", 0),
        ("1.JPG", 1),
    ]
    assert [each.name for each in listing.passed_over] == ["notes.txt"]
    assert not listing.has_official_test


def test_train_and_test_folders_make_an_official_test(tmp_path: Path) -> None:
    put_files(tmp_path, "train/cat/1.png", "train/dog/2.png", "test/cat/3.png")
    listing = list_folder(tmp_path)
    assert listing.labels == ["cat", "dog"]
    assert [each.is_official_test for each in listing.pictures] == [False, False, True]
    assert listing.has_official_test


def test_a_folder_without_label_folders_is_refused(tmp_path: Path) -> None:
    put_files(tmp_path, "a.png")
    with pytest.raises(DatasetError, match="no folder per label"):
        list_folder(tmp_path)
    with pytest.raises(DatasetError, match="not a folder"):
        list_folder(tmp_path / "a.png")
