"""Writing a dataset's pictures as PNG files, one folder per label."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from classifier.datasets import DatasetDamaged, dataset_cache_dir, fetch_dataset
from classifier.errors import Refused, StorageUnavailable
from classifier.models import Dataset
from ml.shards import read_index, read_shards
from tasks.dataset_packing import OnProgress, open_packed_picture

_UNSAFE: Final = re.compile(r"[^\w\- .()&+,']", re.ASCII)


def export_pictures(*, dataset: Dataset, folder: Path, on_progress: OnProgress = lambda done, total: None) -> int:
    """Write all pictures and return how many; an official test split becomes `test/` beside `train/`.

    The files are written beside `folder` and renamed at the end, so that an interrupted export leaves nothing. Raises
    Refused where the folder holds something, StorageUnavailable.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused("malformed_request", f"{folder} exists and is not an empty folder. Name a new one.")
    try:
        packed = fetch_dataset(dataset, dataset_cache_dir())
    except DatasetDamaged as problem:
        raise StorageUnavailable(str(problem)) from problem
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        side = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
        try:
            written = _write_all(packed, side, on_progress)
            side.chmod(0o755)
            if folder.is_dir():
                folder.rmdir()
            side.rename(folder)
        finally:
            shutil.rmtree(side, ignore_errors=True)
    except OSError as problem:
        raise Refused("malformed_request", f"{folder} cannot be written: {problem.strerror}.") from problem
    return written


def folder_names(labels: list[str]) -> list[str]:
    """A different, plain folder name for each label, in order: slashes and the like become underscores."""
    taken: Counter[str] = Counter()
    names = []
    for label in labels:
        plain = _UNSAFE.sub("_", label).strip(" .") or "label"
        taken[plain.casefold()] += 1
        count = taken[plain.casefold()]
        names.append(plain if count == 1 else f"{plain}_{count}")
    return names


def _write_all(packed: Path, side: Path, on_progress: OnProgress) -> int:
    index = read_index(packed)
    names = folder_names(index.labels)
    written = 0
    for shard in read_shards(packed, index):
        for place, label in enumerate(shard.labels.tolist()):
            part = ("test" if shard.is_official_test[place] else "train") if index.has_official_test else ""
            target = side / part / names[label]
            target.mkdir(parents=True, exist_ok=True)
            open_packed_picture(shard, place).save(target / f"{written:06d}.png", "PNG", compress_level=3)
            written += 1
            on_progress(written, index.count)
    return written
