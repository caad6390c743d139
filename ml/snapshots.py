"""From packed datasets to the frozen data of a training run: prepare, split, leave out duplicates. No TensorFlow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ml.data_types import LabelledImages, Pixels, Preprocessing, Split, TrainingData
from ml.datasets import DatasetError
from ml.images import prepare_image, prepare_pixels
from ml.shards import Shard, read_index, read_shards
from ml.splits import choose_split


@dataclass(slots=True)
class SplitPart:
    images: list[Pixels] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)

    def to_examples(self, preprocessing: Preprocessing, leave_out: frozenset[str] = frozenset()) -> LabelledImages:
        kept = [index for index, content in enumerate(self.contents) if content not in leave_out]
        images = (
            np.stack([self.images[index] for index in kept]) if kept else np.zeros((0, *preprocessing.shape), np.uint8)
        )
        return LabelledImages(images, np.asarray([self.labels[index] for index in kept], np.int32))


def load_training_data(folders: Sequence[Path], preprocessing: Preprocessing) -> TrainingData:
    """All pictures of some packed datasets with equal labels, prepared and split by content.

    Whatever is equal to a holdout picture is left out of train and validation, and what is equal to a validation
    picture out of train. Raises DatasetError where labels differ or there are no datasets.
    """
    indexes = [read_index(folder) for folder in folders]
    if not indexes or any(index.labels != indexes[0].labels for index in indexes):
        raise DatasetError("The datasets of one training run need the same labels in the same order.")
    parts = {split: SplitPart() for split in Split}
    for folder, index in zip(folders, indexes, strict=True):
        for shard in read_shards(folder, index):
            sort_shard(shard, index.has_official_test, preprocessing, parts)
    holdout = frozenset(parts[Split.HOLDOUT].contents)
    measured = holdout | frozenset(parts[Split.VALIDATION].contents)
    return TrainingData(
        labels=indexes[0].labels,
        preprocessing=preprocessing,
        train=parts[Split.TRAIN].to_examples(preprocessing, measured),
        validation=parts[Split.VALIDATION].to_examples(preprocessing, holdout),
        holdout=parts[Split.HOLDOUT].to_examples(preprocessing),
        fingerprint=fingerprint([index.digest for index in indexes], preprocessing),
    )


def sort_shard(
    shard: Shard, has_official_test: bool, preprocessing: Preprocessing, parts: dict[Split, SplitPart]
) -> None:
    for index in range(len(shard)):
        content = shard.content(index)
        is_test = bool(shard.is_official_test[index])
        part = parts[choose_split(content, is_official_test=is_test, has_official_test=has_official_test)]
        if shard.pixels is not None:
            part.images.append(prepare_pixels(shard.pixels[index], preprocessing))
        else:
            part.images.append(prepare_image(shard.encoded(index), preprocessing))
        part.labels.append(int(shard.labels[index]))
        part.contents.append(content)


def fingerprint(digests: Sequence[str], preprocessing: Preprocessing) -> str:
    """Equal for equal data prepared in the same way, in whatever order the datasets were named."""
    description = json.dumps([sorted(digests), preprocessing.to_dict()], sort_keys=True)
    return hashlib.sha256(description.encode()).hexdigest()
