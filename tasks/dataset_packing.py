"""From labelled pictures to a folder of packed files: IDX pictures as they are, all others through the upload gate."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from classifier.dataset_layouts import FolderLayout, PictureFile, RejectedFile
from classifier.dataset_sources import PictureSource
from classifier.image_gate import AcceptedPicture
from ml.datasets import read_idx_folder
from ml.shards import PackedExample, Shard, ShardWriter, read_index, read_shards
from ml.splits import choose_split
from tasks.admitting import admit_all

PREVIEW: Final = "preview.zip"
PREVIEW_SIDE: Final = 96
PREVIEWS_PER_LABEL: Final = 12
MOST_PREVIEWS: Final = 1200
SMALL_SIDE: Final = 96
NO_NEAR_DUPLICATES: Final = bytes(32)
"""The difference hash of pictures too small to be told apart by one: on silhouettes such hashes collide."""

OnProgress = Callable[[int, int], None]
"""Hears `(pictures done, pictures in all)`."""


@dataclass(frozen=True, slots=True)
class PackedFacts:
    """What a packed folder holds, read back from it. `digest` does not depend on the order of the pictures."""

    digest: str
    counts: dict[str, dict[str, int]]
    image_count: int
    has_test_split: bool
    duplicates: int
    contradictions: int


def pack_idx(
    folder: Path, source: Path, labels: list[str], *, has_test: bool, total: int, on_progress: OnProgress
) -> None:
    """IDX files into `folder`, which must not exist. Raises ml's DatasetError; flat in memory."""
    done = 0
    with ShardWriter(folder, labels, has_official_test=has_test) as writer:
        for batch in read_idx_folder(source):
            writer.add_batch(batch)
            done += len(batch.labels)
            on_progress(done, total)


def pack_pictures(
    folder: Path, source: PictureSource, layout: FolderLayout, *, on_progress: OnProgress
) -> list[RejectedFile]:
    """All files of a layout through the gate into `folder`, which must not exist; returns those that were refused.

    They are written in the layout's order. Raises StorageUnavailable.
    """
    rejected: list[RejectedFile] = []
    total = len(layout.pictures)
    with ShardWriter(folder, layout.labels, has_official_test=layout.has_official_test) as writer:
        for done, (file, outcome) in enumerate(admit_all(source, layout.pictures), 1):
            if isinstance(outcome, RejectedFile):
                rejected.append(outcome)
            else:
                writer.add(_example(file, outcome))
            on_progress(done, total)
    return rejected


def read_facts(folder: Path) -> PackedFacts:
    """Count and fingerprint what was really written."""
    index = read_index(folder)
    counts: dict[str, Counter[str]] = {}
    entries: list[bytes] = []
    seen: dict[bytes, int] = {}
    duplicates = contradictions = 0
    for shard in read_shards(folder, index):
        for place, label in enumerate(shard.labels.tolist()):
            content, is_test = bytes(shard.contents[place]), bool(shard.is_official_test[place])
            split = choose_split(content.hex(), is_official_test=is_test, has_official_test=index.has_official_test)
            counts.setdefault(str(split), Counter())[index.labels[label]] += 1
            entries.append(content + bytes([is_test]) + index.labels[label].encode())
            duplicates += content in seen
            contradictions += seen.setdefault(content, label) != label
    digest = hashlib.sha256(b"\0".join(sorted(entries))).hexdigest()
    plain = {split: dict(by_label) for split, by_label in counts.items()}
    return PackedFacts(digest, plain, index.count, index.has_official_test, duplicates, contradictions)


def write_preview(folder: Path) -> None:
    """A small ZIP beside the shards, some pictures of each label, for a page that must not load numpy."""
    index = read_index(folder)
    wanted = max(1, min(PREVIEWS_PER_LABEL, MOST_PREVIEWS // len(index.labels)))
    shown: Counter[int] = Counter()
    with zipfile.ZipFile(folder / PREVIEW, "w", zipfile.ZIP_STORED) as archive:
        for shard in read_shards(folder, index):
            for place, label in enumerate(shard.labels.tolist()):
                if shown[label] < wanted and sum(shown.values()) < MOST_PREVIEWS:
                    archive.writestr(f"{label}/{shown[label]}.png", _thumbnail(shard, place))
                    shown[label] += 1


def open_packed_picture(shard: Shard, place: int) -> Image.Image:
    """One packed picture, decoded, mode L or RGB."""
    if shard.pixels is None:
        return Image.open(io.BytesIO(shard.encoded(place)), formats=("PNG", "JPEG"))
    pixels = shard.pixels[place]
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else np.ascontiguousarray(pixels))


def _thumbnail(shard: Shard, place: int) -> bytes:
    picture = open_packed_picture(shard, place)
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _example(file: PictureFile, picture: AcceptedPicture) -> PackedExample:
    is_large = max(picture.width, picture.height) > SMALL_SIDE
    return PackedExample(
        picture=picture.data,
        label_index=file.label_index,
        content=picture.content,
        difference_hash=picture.difference_hash if is_large else NO_NEAR_DUPLICATES,
        is_official_test=file.is_official_test,
    )
