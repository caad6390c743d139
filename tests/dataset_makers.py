"""Makers of small datasets on disk: IDX files, a folder per label, a ZIP."""

from __future__ import annotations

import gzip
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.row_makers import png_bytes


def write_idx(folder: Path, *, train: Sequence[int], test: Sequence[int] = (), side: int = 8) -> Path:
    """The four files of an IDX dataset, one label number per picture; pixels follow from the picture's place."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, labels in (("train", train), ("t10k", test)):
        if labels:
            source = random.Random(prefix)
            pixels = source.randbytes(len(labels) * side * side)
            write_idx_file(folder / f"{prefix}-images-idx3-ubyte.gz", (len(labels), side, side), pixels)
            write_idx_file(folder / f"{prefix}-labels-idx1-ubyte.gz", (len(labels),), bytes(labels))
    return folder


def write_halves(folder: Path, *, train: int, test: int, seed: int = 0) -> Path:
    """An IDX dataset anybody can learn: label 0 is bright above, label 1 is bright below, 8x8 on a dark ground."""
    folder.mkdir(parents=True, exist_ok=True)
    source = random.Random(seed)
    for prefix, count in (("train", train), ("t10k", test)):
        pictures = b"".join(_half(place % 2, source) for place in range(count))
        write_idx_file(folder / f"{prefix}-images-idx3-ubyte.gz", (count, 8, 8), pictures)
        write_idx_file(folder / f"{prefix}-labels-idx1-ubyte.gz", (count,), bytes(place % 2 for place in range(count)))
    return folder


def write_folders(folder: Path, counts: dict[str, int], *, first_seed: int = 0) -> Path:
    """So many different PNG pictures below each relative folder name."""
    seed = first_seed
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            (folder / name / f"{seed}.png").write_bytes(png_bytes(seed))
            seed += 1
    return folder


def zip_folder(folder: Path, target: Path) -> Path:
    """All files of a folder in a ZIP."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return target


def _half(label: int, source: random.Random) -> bytes:
    dark = bytes(8)
    bright = [bytes([0, *(source.randrange(120, 256) for _ in range(6)), 0]) for _ in range(3)]
    dim = [bytes([0, *(source.randrange(0, 40) for _ in range(6)), 0]) for _ in range(3)]
    return b"".join([dark, *(bright + dim if label == 0 else dim + bright), dark])


def write_idx_file(path: Path, shape: Sequence[int], data: bytes) -> None:
    """One IDX file of unsigned bytes, compressed."""
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    path.write_bytes(gzip.compress(header + data, compresslevel=1))
