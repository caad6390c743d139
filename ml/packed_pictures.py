"""Prepared pictures that stay packed in their shards until somebody looks, so that a run need not hold them all."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.data_types import LabelledImages, Pictures, Pixels, Split, TrainingData
from ml.preprocessing import Preprocessing
from ml.shards import Shard, read_shards
from ml.training_examples import ORDER, Selection, ShardChoice, prepare_packed

UNPACKED_BYTES: Final = 1024 * 1024 * 1024
"""More than this is unpacked into a file that memory maps, not into memory."""
UNPACK_BATCH: Final = 256


class PackedPictures:
    """Like an array uint8 (n, height, width, channels) that can be read by places: a slice, a number or a list of them.

    Reading in ascending order opens each shard once; one shard is kept in memory. Raises DatasetError where a shard is
    damaged and UnreadableImage for a picture that cannot be decoded.
    """

    ndim = 4

    def __init__(self, shards: Sequence[ShardChoice], part: int, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing
        self._shards = shards
        self._places = [np.flatnonzero(shard.parts == part) for shard in shards]
        self._ends = np.cumsum([len(places) for places in self._places], dtype=np.int64)
        self._opened: tuple[int, Shard] | None = None
        labels = [shard.labels[places] for shard, places in zip(shards, self._places, strict=True)]
        self.labels = np.concatenate(labels) if labels else np.zeros(0, np.int32)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self), *self.preprocessing.shape

    def __getitem__(self, places: Any) -> Pixels:
        if isinstance(places, int | np.integer):
            return self._read(range(len(self))[int(places)])
        chosen = np.arange(len(self))[places].tolist()
        pictures = np.empty((len(chosen), *self.preprocessing.shape), np.uint8)
        for row, place in sorted(enumerate(chosen), key=lambda pair: pair[1]):
            pictures[row] = self._read(place)
        return pictures

    def keys(self, mirrored: bool) -> list[bytes]:
        """What stands for each picture, or its mirror image, without decoding it: from its content's digest."""
        view = b"mirrored" if mirrored else b"plain"
        return [
            hashlib.sha256(shard.contents[place].tobytes() + view).digest()
            for shard, places in zip(self._shards, self._places, strict=True)
            for place in places.tolist()
        ]

    def _read(self, place: int) -> Pixels:
        number = int(np.searchsorted(self._ends, place, side="right"))
        choice, before = self._shards[number], int(self._ends[number - 1]) if number else 0
        if self._opened is None or self._opened[0] != number:
            self._opened = None  # two shards are never in memory at once
            [shard] = read_shards(choice.folder, choice.alone())
            self._opened = number, shard
        return prepare_packed(self._opened[1], int(self._places[number][place - before]), self.preprocessing)


def stream_training_data(selection: Selection, preprocessing: Preprocessing, *, fingerprint: str) -> TrainingData:
    """As `load_training_data`, with pictures that are read when they are needed."""
    parts = [PackedPictures(selection.shards, ORDER.index(split), preprocessing) for split in Split]
    train, validation, holdout = (LabelledImages(pictures, pictures.labels) for pictures in parts)
    return TrainingData(selection.labels, preprocessing, train, validation, holdout, fingerprint)


def unpack(pictures: Pictures, scratch: Path | None, most_bytes: int = UNPACKED_BYTES) -> Pixels:
    """All of them for reading in any order: an array as it is, packed ones by `allocate`."""
    if isinstance(pictures, np.ndarray):
        return pictures
    target = allocate(pictures.shape, np.uint8, scratch, most_bytes)
    for start in range(0, len(pictures), UNPACK_BATCH):
        target[start : start + UNPACK_BATCH] = pictures[start : start + UNPACK_BATCH]
    return target


def allocate(
    shape: tuple[int, ...], kind: type[np.generic], scratch: Path | None, most_bytes: int = UNPACKED_BYTES
) -> NDArray[Any]:
    """An array of zeros: in memory, or above `most_bytes` in a file without a name that memory maps.

    The file lies in the folder `scratch` (None: the system's) and is gone with the array, or with the process.
    """
    if math.prod(shape) * np.dtype(kind).itemsize <= most_bytes:
        return np.zeros(shape, kind)
    with tempfile.TemporaryFile(dir=scratch) as file:
        return np.memmap(file, kind, "w+", shape=shape)
