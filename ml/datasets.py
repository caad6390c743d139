"""Reading labelled pictures where they lie: IDX files and a folder per label. No TensorFlow."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ml.data_types import Integers, Pixels
from ml.errors import MlError

FASHION_LABELS = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
IDX_UNSIGNED_BYTE = 8
MOST_DIMENSIONS = 4
IDX_PARTS = {"train": "train", "test": "t10k"}
OFFICIAL_PARTS = ("train", "test")


class DatasetError(MlError):
    """Something that was given as a dataset is none; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class PixelBatch:
    """Pictures of one size: `pixels` uint8 (n, height, width, channels), `labels` int32 (n,)."""

    pixels: Pixels
    labels: Integers
    is_official_test: bool


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One file of a folder dataset, not yet read."""

    path: Path
    label_index: int
    is_official_test: bool


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The labels of a folder dataset in sorted order, its pictures, and the files that are none."""

    labels: list[str]
    pictures: list[PictureFile]
    passed_over: list[Path]
    has_official_test: bool


class IdxFile:
    """An IDX file of unsigned bytes (LeCun's format), plain or `.gz`, read in pieces so that memory stays flat."""

    def __init__(self, path: Path) -> None:
        """Raises DatasetError where the header is not that of such a file."""
        self.path = path
        with self._open() as stream:
            self.shape = read_idx_header(stream, path)

    @property
    def header_bytes(self) -> int:
        return 4 + 4 * len(self.shape)

    def pieces(self, size: int = 4096) -> Iterator[Pixels]:
        """Arrays of up to `size` entries. Raises DatasetError where the file ends early or goes on too long."""
        entry_bytes = math.prod(self.shape[1:])
        with self._open() as stream:
            stream.read(self.header_bytes)
            for start in range(0, self.shape[0], size):
                count = min(size, self.shape[0] - start)
                data = read_fully(stream, count * entry_bytes, self.path)
                yield np.frombuffer(data, np.uint8).reshape(count, *self.shape[1:])
            if read_some(stream, 1, self.path):
                raise DatasetError(f"{self.path.name} holds more than the {self.shape[0]} entries it announces.")

    def _open(self) -> BinaryIO:
        try:
            return gzip.open(self.path, "rb") if self.path.suffix == ".gz" else self.path.open("rb")  # type: ignore[return-value]  # GzipFile is one
        except OSError as problem:
            raise DatasetError(f"{self.path} cannot be opened: {problem}") from problem


def read_idx_header(stream: BinaryIO, path: Path) -> tuple[int, ...]:
    start = read_fully(stream, 4, path)
    dimensions = start[3]
    if start[:2] != b"\0\0" or start[2] != IDX_UNSIGNED_BYTE or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise DatasetError(f"{path.name} is no IDX file of bytes: it starts with {start.hex()}.")
    sizes = read_fully(stream, 4 * dimensions, path)
    return tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, len(sizes), 4))


def read_fully(stream: BinaryIO, count: int, path: Path) -> bytes:
    data = read_some(stream, count, path)
    if len(data) < count:
        raise DatasetError(f"{path.name} ends early: {count} bytes were expected, {len(data)} came.")
    return data


def read_some(stream: BinaryIO, count: int, path: Path) -> bytes:
    try:
        return stream.read(count)
    except (OSError, EOFError) as problem:
        raise DatasetError(f"{path.name} cannot be read: {problem}") from problem


def read_idx(path: Path) -> Pixels:
    """A whole IDX file as one uint8 array, of 1 dimension for labels and 3 for pictures. Raises DatasetError."""
    pieces = list(IdxFile(path).pieces())
    return np.concatenate(pieces) if pieces else np.zeros(IdxFile(path).shape, np.uint8)


def find_idx_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """`{"train": (pictures, labels), "test": …}` for the files named as MNIST and Fashion-MNIST name them."""
    pairs: dict[str, tuple[Path, Path]] = {}
    for part, prefix in IDX_PARTS.items():
        pictures = find_either(folder, f"{prefix}-images-idx3-ubyte")
        labels = find_either(folder, f"{prefix}-labels-idx1-ubyte")
        if pictures is not None and labels is not None:
            pairs[part] = (pictures, labels)
    return pairs


def find_either(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def read_idx_folder(folder: Path) -> Iterator[PixelBatch]:
    """The pictures of train and t10k files in pieces, in the files' order. Raises DatasetError."""
    pairs = find_idx_pairs(folder)
    if not pairs:
        raise DatasetError(f"{folder} holds no pair of IDX files such as train-images-idx3-ubyte.gz.")
    for part, (picture_path, label_path) in pairs.items():
        pictures, labels = IdxFile(picture_path), IdxFile(label_path)
        if len(pictures.shape) != 3 or labels.shape != pictures.shape[:1]:
            raise DatasetError(f"{picture_path.name} {pictures.shape} does not fit {label_path.name} {labels.shape}.")
        for pixels, answers in zip(pictures.pieces(), labels.pieces(), strict=True):
            yield PixelBatch(pixels[..., None], answers.astype(np.int32), part == "test")


def list_folder(folder: Path) -> FolderListing:
    """A folder per label, or `train/` and `test/` with a folder per label each. Raises DatasetError.

    Hidden files are ignored; other files that are no pictures by their name are listed as passed over.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder.")
    official = all((folder / part).is_dir() for part in OFFICIAL_PARTS)
    roots = [folder / part for part in OFFICIAL_PARTS] if official else [folder]
    labels = sorted({each.name for root in roots for each in root.iterdir() if is_visible_folder(each)})
    if not labels:
        raise DatasetError(f"{folder} holds no folder per label.")
    pictures: list[PictureFile] = []
    passed_over: list[Path] = []
    for root in roots:
        for index, label in enumerate(labels):
            for path in sorted((root / label).rglob("*")):
                if path.name.startswith(".") or not path.is_file():
                    continue
                if path.suffix.lower() in PICTURE_SUFFIXES:
                    pictures.append(PictureFile(path, index, official and root.name == "test"))
                else:
                    passed_over.append(path)
    return FolderListing(labels, pictures, passed_over, official)


def is_visible_folder(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")
