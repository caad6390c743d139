"""A packed dataset without some of its pictures: only the shards that hold one of them are written anew."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data_types import Split
from ml.datasets import DatasetError
from ml.shards import CONTENT_BYTES, INDEX, DatasetIndex, ShardEntry, digest_file, read_index
from ml.splits import choose_split

BY_PICTURE = ("labels", "contents", "difference_hashes", "is_official_test", "pixels")
"""The arrays with one entry a picture; encoded pictures lie in `payload`, between `offsets`."""


def rewrite_without(folder: Path, target: Path, contents: Collection[str]) -> dict[str, str]:
    """Write `folder` without these contents (hex SHA-256) to `target`, which must not exist.

    Returns what was left out: content → split. Shards without any of them are linked under their names; a rewritten
    one gets a new name, so that nobody ever sees other bytes under an old one. One shard in memory at a time. Nothing
    is written where nothing has to go. Raises DatasetError.
    """
    index = read_index(folder)
    wanted = np.asarray(sorted(bytes.fromhex(content) for content in contents), f"S{CONTENT_BYTES}")
    keeps = {entry.name: ~np.isin(read_contents(folder / entry.name), wanted) for entry in index.shards}
    if all(keep.all() for keep in keeps.values()):
        return {}
    left_out: dict[str, str] = {}
    side = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(side, ignore_errors=True)
    side.mkdir(parents=True)
    try:
        shards = []
        for entry in index.shards:
            if keeps[entry.name].all():
                _link(folder / entry.name, side / entry.name)
                shards.append(entry)
                continue
            arrays = _read_arrays(folder / entry.name)
            left_out |= _splits_of(arrays, ~keeps[entry.name], index)
            if keeps[entry.name].any():
                shards.append(_write_shard(side, entry.name, _keep(arrays, keeps[entry.name])))
        values = asdict(_describe(side, index, shards))
        (side / INDEX).write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")
        side.rename(target)
    finally:
        shutil.rmtree(side, ignore_errors=True)
    return left_out


def read_contents(source: Any) -> NDArray[np.bytes_]:
    """The contents of one shard, a path or an open file, as fixed strings of 32 bytes; reads this one array.

    Raises DatasetError.
    """
    try:
        with np.load(source, allow_pickle=False) as stored:
            rows = np.ascontiguousarray(stored["contents"])
        return rows.view(f"S{CONTENT_BYTES}").reshape(-1)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        raise DatasetError(f"A packed file cannot be read: {problem}") from problem


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        raise DatasetError(f"{path} cannot be read: {problem}") from problem


def _keep(arrays: dict[str, NDArray[Any]], keep: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    kept = {name: values[keep] for name, values in arrays.items() if name in BY_PICTURE}
    if "payload" in arrays:
        offsets = arrays["offsets"]
        pieces = [arrays["payload"][offsets[place] : offsets[place + 1]] for place in np.flatnonzero(keep).tolist()]
        kept["payload"] = np.concatenate(pieces)
        kept["offsets"] = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
    return kept


def _write_shard(side: Path, name: str, arrays: dict[str, NDArray[Any]]) -> ShardEntry:
    stem = name.removesuffix(".npz").split(".")[0]
    mark = hashlib.sha256(arrays["contents"].tobytes()).hexdigest()[:12]
    path = side / f"{stem}.{mark}.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub reads names as options
    return ShardEntry(path.name, len(arrays["labels"]), digest_file(path))


def _describe(side: Path, index: DatasetIndex, shards: list[ShardEntry]) -> DatasetIndex:
    """Counts and the ordered digest, as ShardWriter makes them."""
    digest = hashlib.sha256(json.dumps([index.labels, index.has_official_test]).encode())
    per_label = [0] * len(index.labels)
    per_split = {str(split): 0 for split in Split}
    for content, label, is_test in _each_picture(side, shards):
        per_label[label] += 1
        per_split[choose_split(content.hex(), is_official_test=is_test, has_official_test=index.has_official_test)] += 1
        digest.update(content + label.to_bytes(4, "big") + bytes([is_test]))
    return replace(
        index,
        shards=shards,
        count=sum(per_label),
        per_label=per_label,
        per_split=per_split,
        digest=digest.hexdigest(),
    )


def _each_picture(side: Path, shards: list[ShardEntry]) -> Iterator[tuple[bytes, int, bool]]:
    for entry in shards:
        with np.load(side / entry.name, allow_pickle=False) as stored:
            labels, tests = stored["labels"].tolist(), stored["is_official_test"].tolist()
            contents = stored["contents"]
        yield from zip((bytes(row) for row in contents), labels, tests, strict=True)


def _splits_of(arrays: dict[str, NDArray[Any]], gone: NDArray[np.bool_], index: DatasetIndex) -> dict[str, str]:
    tests = arrays["is_official_test"]
    return {
        content: str(
            choose_split(content, is_official_test=bool(tests[place]), has_official_test=index.has_official_test)
        )
        for place in np.flatnonzero(gone).tolist()
        for content in [bytes(arrays["contents"][place]).hex()]
    }


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
