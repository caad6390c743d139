"""Packed datasets: a folder of numpy `.npz` shards and an index, written and read shard by shard. No TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.data_types import Integers, Pixels, Split
from ml.datasets import DatasetError, PixelBatch
from ml.splits import choose_split, content_digest

FORMAT_VERSION = 1
INDEX = "index.json"
SHARD_BYTES = 32 * 1024 * 1024
CONTENT_BYTES = DIFFERENCE_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class ShardEntry:
    name: str
    count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DatasetIndex:
    """What a packed dataset holds. `digest` stands for the pictures, labels and official split, in order."""

    labels: list[str]
    has_official_test: bool
    shards: list[ShardEntry]
    count: int
    per_label: list[int]
    per_split: dict[str, int]
    digest: str
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Shard:
    """One piece in memory. Encoded pictures lie one after another in `payload`, picture i from offsets[i] to [i + 1].

    A shard of raw pictures has uint8 `pixels` (n, height, width, channels) instead, and empty `payload`.
    """

    labels: Integers
    contents: Pixels
    difference_hashes: Pixels
    is_official_test: NDArray[np.bool_]
    pixels: Pixels | None
    payload: Pixels
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def content(self, index: int) -> str:
        return bytes(self.contents[index]).hex()

    def encoded(self, index: int) -> bytes:
        """The stored file of one picture; only for shards without `pixels`."""
        return self.payload[self.offsets[index] : self.offsets[index + 1]].tobytes()


@dataclass(frozen=True, slots=True)
class PackedExample:
    """One example on its way into a shard: raw pixels (height, width, channels) or an encoded file."""

    picture: Pixels | bytes
    label_index: int
    content: str
    difference_hash: bytes
    is_official_test: bool

    @property
    def shape(self) -> tuple[int, ...] | None:
        return None if isinstance(self.picture, bytes) else self.picture.shape

    @property
    def size_bytes(self) -> int:
        return len(self.picture) if isinstance(self.picture, bytes) else self.picture.nbytes


class ShardWriter:
    """Writes a dataset into a side folder; leaving the `with` block renames it, an error leaves nothing behind."""

    def __init__(
        self, folder: Path, labels: list[str], *, has_official_test: bool, shard_bytes: int = SHARD_BYTES
    ) -> None:
        if folder.exists():
            raise DatasetError(f"{folder} exists already; a dataset is never written over.")
        self.folder, self.labels, self.has_official_test = folder, labels, has_official_test
        self.side = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        self.shard_bytes = shard_bytes
        self.index: DatasetIndex | None = None
        self._pending: list[PackedExample] = []
        self._pending_bytes = 0
        self._shards: list[ShardEntry] = []
        self._per_label = [0] * len(labels)
        self._per_split: dict[str, int] = {str(split): 0 for split in Split}
        self._digest = hashlib.sha256(json.dumps([labels, has_official_test]).encode())

    def __enter__(self) -> Self:
        shutil.rmtree(self.side, ignore_errors=True)
        self.side.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            shutil.rmtree(self.side, ignore_errors=True)
            return
        self._flush()
        index = DatasetIndex(
            labels=self.labels,
            has_official_test=self.has_official_test,
            shards=self._shards,
            count=sum(self._per_label),
            per_label=self._per_label,
            per_split=self._per_split,
            digest=self._digest.hexdigest(),
        )
        (self.side / INDEX).write_text(json.dumps(asdict(index), ensure_ascii=False, indent=1), encoding="utf-8")
        self.side.rename(self.folder)
        self.index = index

    def add_batch(self, batch: PixelBatch) -> None:
        """Raw pictures of one size, as IDX files hold them; one channel is mode L, three are RGB."""
        _, height, width, channels = batch.pixels.shape
        mode = "L" if channels == 1 else "RGB"
        no_hash = bytes(DIFFERENCE_HASH_BYTES)
        for pixels, label in zip(batch.pixels, batch.labels.tolist(), strict=True):
            content = content_digest(mode, width, height, pixels.tobytes())
            self.add(PackedExample(pixels, label, content, no_hash, batch.is_official_test))

    def add(self, example: PackedExample) -> None:
        """One picture: raw, or a normalised JPEG or PNG, with the facts its gate found out."""
        label, content, is_test = example.label_index, example.content, example.is_official_test
        if not 0 <= label < len(self.labels):
            raise DatasetError(f"Label number {label} is outside the {len(self.labels)} labels of this dataset.")
        if self._pending and self._pending[0].shape != example.shape:
            self._flush()
        self._pending.append(example)
        self._pending_bytes += example.size_bytes
        self._per_label[label] += 1
        self._per_split[choose_split(content, is_official_test=is_test, has_official_test=self.has_official_test)] += 1
        self._digest.update(bytes.fromhex(content) + label.to_bytes(4, "big") + bytes([is_test]))
        if self._pending_bytes >= self.shard_bytes:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        path = self.side / f"shard-{len(self._shards):05d}.npz"
        np.savez(path, **arrays_of(self._pending))  # type: ignore[arg-type]  # numpy's stub reads names as options
        self._shards.append(ShardEntry(path.name, len(self._pending), digest_file(path)))
        self._pending, self._pending_bytes = [], 0


def arrays_of(examples: list[PackedExample]) -> dict[str, NDArray[Any]]:
    """The arrays of one shard, from examples that are all encoded or all raw and of one size."""
    arrays: dict[str, NDArray[Any]] = {
        "labels": np.asarray([each.label_index for each in examples], np.int32),
        "contents": as_rows([bytes.fromhex(each.content) for each in examples], CONTENT_BYTES),
        "difference_hashes": as_rows([each.difference_hash for each in examples], DIFFERENCE_HASH_BYTES),
        "is_official_test": np.asarray([each.is_official_test for each in examples], np.bool_),
    }
    files = [each.picture for each in examples if isinstance(each.picture, bytes)]
    if not files:
        return {**arrays, "pixels": np.stack([np.asarray(each.picture) for each in examples])}
    return {
        **arrays,
        "payload": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.concatenate([[0], np.cumsum([len(each) for each in files])]).astype(np.int64),
    }


def as_rows(values: list[bytes], width: int) -> Pixels:
    return np.frombuffer(b"".join(values), np.uint8).reshape(len(values), width)


def read_index(folder: Path) -> DatasetIndex:
    """Raises DatasetError where the folder is no packed dataset of this format version."""
    try:
        values = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if values.get("format_version") != FORMAT_VERSION:
            raise DatasetError(f"{folder} is not a dataset of format version {FORMAT_VERSION}.")
        return DatasetIndex(**{**values, "shards": [ShardEntry(**each) for each in values["shards"]]})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise DatasetError(f"{folder} holds no readable dataset index: {problem}") from problem


def read_shards(folder: Path, index: DatasetIndex | None = None) -> Iterator[Shard]:
    """One checked shard after another. Raises DatasetError where a shard is missing or damaged."""
    for entry in (index or read_index(folder)).shards:
        path = folder / entry.name
        try:
            if digest_file(path) != entry.sha256:
                raise DatasetError(f"{path} is damaged: its digest differs from the index.")
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, zipfile.BadZipFile) as problem:
            raise DatasetError(f"{path} cannot be read: {problem}") from problem
        arrays.setdefault("pixels", None)
        arrays.setdefault("payload", np.zeros(0, np.uint8))
        arrays.setdefault("offsets", np.zeros(len(arrays["labels"]) + 1, np.int64))
        yield Shard(**arrays)


def digest_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
