"""Which datasets hold a picture: by the contents of their shards, kept sorted on this machine."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.dataset_leftovers import CONTENTS
from classifier.datasets import DatasetDamaged, dataset_cache_dir
from classifier.models import Dataset
from classifier.object_storage import ObjectMissing, read_object
from ml.datasets import DatasetError
from ml.shard_rewriting import read_contents
from ml.shards import CONTENT_BYTES


def find_held(dataset: Dataset, contents: Collection[str]) -> set[str]:
    """Those of the contents (hex) that the dataset holds. Raises DatasetDamaged, StorageUnavailable.

    The first question reads every shard once, one in memory at a time; later ones search a list of 32 bytes a picture.
    """
    path = dataset_cache_dir() / f"{dataset.digest}{CONTENTS}"
    if not path.is_file():
        _keep_list(path, dataset)
    known = np.fromfile(path, f"S{CONTENT_BYTES}")
    wanted = np.asarray([bytes.fromhex(content) for content in contents], f"S{CONTENT_BYTES}")
    places = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    if not len(known):
        return set()
    return {content for content, found in zip(contents, known[places] == wanted, strict=True) if found}


def _keep_list(path: Path, dataset: Dataset) -> None:
    lists = [_read_shard(dataset, entry) for entry in dataset.shards if entry["key"].endswith(".npz")]
    known = np.sort(np.concatenate(lists)) if lists else np.zeros(0, f"S{CONTENT_BYTES}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    side = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    known.astype(f"S{CONTENT_BYTES}").tofile(side)
    side.rename(path)


def _read_shard(dataset: Dataset, entry: dict[str, str]) -> NDArray[np.bytes_]:
    local = dataset_cache_dir() / dataset.id.hex / entry["key"].rpartition("/")[2]
    try:
        data = local.read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        data = _fetch(entry)
    try:
        return read_contents(io.BytesIO(data))
    except DatasetError as problem:
        raise DatasetDamaged(f"The packed file {entry['key']} holds no pictures.") from problem


def _fetch(entry: dict[str, str]) -> bytes:
    try:
        data = read_object(entry["key"])
    except ObjectMissing as problem:
        raise DatasetDamaged(f"The packed file {entry['key']} is missing from object storage.") from problem
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise DatasetDamaged(f"The packed file {entry['key']} was altered in object storage.")
    return data
