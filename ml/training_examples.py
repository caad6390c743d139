"""Which packed pictures a run learns from, is tuned on and is measured on; and loading them prepared. No TensorFlow.

Unlike `snapshots`, which takes datasets of equal labels, this maps the labels of several datasets onto one list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.data_types import LabelledImages, Pixels, Split, TrainingData
from ml.datasets import DatasetError
from ml.errors import MlError
from ml.images import prepare_image, prepare_pixels
from ml.near_duplicates import NearDuplicates
from ml.preprocessing import Preprocessing
from ml.shards import CONTENT_BYTES, DatasetIndex, Shard, ShardEntry, as_rows, read_index, read_shards
from ml.splits import choose_split

LEFT_OUT: Final = 3
ORDER: Final = (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT)
OnProgress = Callable[[int, int], None]
"""Hears `(pictures done, pictures in all)`."""


@dataclass(frozen=True, slots=True)
class ShardChoice:
    """One shard of one dataset: for each picture its place in ORDER (or LEFT_OUT) and its label's place in the run.

    `contents` are the pictures' content digests, uint8 (n, 32).
    """

    folder: Path
    index: DatasetIndex
    entry: ShardEntry
    parts: NDArray[np.int8]
    labels: NDArray[np.int32]
    contents: Pixels

    def alone(self) -> DatasetIndex:
        """The dataset's index with this shard only, for `read_shards`."""
        return replace(self.index, shards=[self.entry])


@dataclass(frozen=True, slots=True)
class Selection:
    """All examples of a run. `left_out` counts by reason, `counts` is {split: {label: n}}."""

    labels: list[str]
    shards: list[ShardChoice]
    left_out: dict[str, int]
    counts: dict[str, dict[str, int]]

    def count(self, split: Split) -> int:
        return sum(self.counts[split].values())


@dataclass(slots=True)
class _Facts:
    """What is known of a shard's pictures without decoding them."""

    folder: Path
    index: DatasetIndex
    entry: ShardEntry
    labels: NDArray[np.int32]
    contents: list[bytes]
    hashes: list[bytes]
    parts: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))


def select_examples(folders: Sequence[Path], labels: Sequence[str], *, corrections: Path | None = None) -> Selection:
    """Sort the pictures of packed datasets into the parts of a run whose labels may be `labels`, in their order.

    The split follows from content. Holdout wins over validation and validation over train: whatever equals a picture
    of the stronger part, or is its near duplicate, is left out of the weaker one. A label without a training picture
    is no label of the run, and its pictures are left out. `corrections` is one of the folders, whose word on a picture
    stands against all others. Raises DatasetError.
    """
    facts = [each for folder in folders for each in _read_facts(folder, labels)]
    left_out: Counter[str] = Counter()
    if corrections is not None:
        _leave_out_corrected(facts, corrections, left_out)
    for strong, weak in ((2, 1), (2, 0), (1, 0)):
        _leave_out_known(facts, strong, weak, left_out)
    used = {label for each in facts for label in each.labels[each.parts == 0].tolist() if label >= 0}
    kept = [label for label in range(len(labels)) if label in used]
    renumbered = np.full(len(labels) + 1, -1, np.int32)
    renumbered[kept] = np.arange(len(kept))
    shards = []
    for each in facts:
        numbers = renumbered[each.labels]
        strange = (numbers < 0) & (each.parts != LEFT_OUT)
        left_out["label_without_training"] += int(strange.sum())
        each.parts[strange] = LEFT_OUT
        contents = as_rows(each.contents, CONTENT_BYTES)
        shards.append(ShardChoice(each.folder, each.index, each.entry, each.parts, numbers, contents))
    names = [labels[label] for label in kept]
    return Selection(names, shards, {name: count for name, count in left_out.items() if count}, _count(shards, names))


def parts_by_content(selection: Selection, folder: Path) -> dict[str, str]:
    """`{hex content: train | validation | holdout | left_out}` of one folder's pictures."""
    names = [*map(str, ORDER), "left_out"]
    found: dict[str, str] = {}
    for choice in selection.shards:
        if choice.folder == folder:
            with np.load(folder / choice.entry.name, allow_pickle=False) as stored:
                contents = [bytes(content).hex() for content in stored["contents"]]
            found.update(zip(contents, (names[part] for part in choice.parts.tolist()), strict=True))
    return found


def refuse_too_small(selection: Selection) -> None:
    """Raises MlError with advice where the examples cannot make a model."""
    if len(selection.labels) < 2:
        raise MlError(
            f"Only {len(selection.labels)} label(s) have a training picture; training needs at least two. Import more."
        )
    if not selection.count(Split.VALIDATION):
        raise MlError(
            "No picture of a label that can be learned fell to validation, which takes a tenth of all; "
            "a few more pictures of each label are needed."
        )


def load_training_data(
    selection: Selection,
    preprocessing: Preprocessing,
    *,
    fingerprint: str,
    on_progress: OnProgress = lambda done, total: None,
) -> TrainingData:
    """All chosen pictures, prepared. Raises DatasetError where a shard is damaged."""
    sizes = [selection.count(split) for split in ORDER]
    images = [np.empty((size, *preprocessing.shape), np.uint8) for size in sizes]
    answers = [np.empty(size, np.int32) for size in sizes]
    filled, total = [0, 0, 0], sum(sizes)
    for part, label, pixels in iterate_pictures(selection, preprocessing, ORDER):
        images[part][filled[part]] = pixels
        answers[part][filled[part]] = label
        filled[part] += 1
        on_progress(sum(filled), total)
    train, validation, holdout = (LabelledImages(*pair) for pair in zip(images, answers, strict=True))
    return TrainingData(selection.labels, preprocessing, train, validation, holdout, fingerprint)


def iterate_pictures(
    selection: Selection, preprocessing: Preprocessing, splits: Sequence[Split]
) -> Iterator[tuple[int, int, Pixels]]:
    """`(place of the split in ORDER, label, uint8 (height, width, channels))`, always in the same order."""
    wanted = [ORDER.index(split) for split in splits]
    for choice in selection.shards:
        places = np.flatnonzero(np.isin(choice.parts, wanted)).tolist()
        if not places:
            continue
        for shard in read_shards(choice.folder, choice.alone()):
            for place in places:
                yield int(choice.parts[place]), int(choice.labels[place]), prepare_packed(shard, place, preprocessing)


def prepare_packed(shard: Shard, place: int, preprocessing: Preprocessing) -> Pixels:
    """One picture of a shard as the network takes it: the same steps as for an upload."""
    if shard.pixels is not None:
        return prepare_pixels(shard.pixels[place], preprocessing)
    return prepare_image(shard.encoded(place), preprocessing)


def _read_facts(folder: Path, labels: Sequence[str]) -> Iterator[_Facts]:
    index = read_index(folder)
    number = {label: place for place, label in enumerate(labels)}
    mapping = np.asarray([number.get(label, -1) for label in index.labels], np.int32)
    for entry in index.shards:
        path = folder / entry.name
        try:
            with np.load(path, allow_pickle=False) as stored:
                own, contents = stored["labels"], stored["contents"]
                hashes, is_test = stored["difference_hashes"], stored["is_official_test"]
        except (OSError, ValueError, KeyError, EOFError) as problem:
            raise DatasetError(f"{path} cannot be read: {problem}") from problem
        facts = _Facts(folder, index, entry, mapping[own], list(map(bytes, contents)), list(map(bytes, hashes)))
        splits = [
            choose_split(content.hex(), is_official_test=bool(test), has_official_test=index.has_official_test)
            for content, test in zip(facts.contents, is_test, strict=True)
        ]
        facts.parts = np.asarray([ORDER.index(split) for split in splits], np.int8)
        yield facts


def _leave_out_corrected(facts: Sequence[_Facts], corrections: Path, left_out: Counter[str]) -> None:
    """Pictures of other folders that the corrections hold too: the newer word counts, in whatever part it falls."""
    corrected = {content for each in facts if each.folder == corrections for content in each.contents}
    for each in facts:
        if each.folder == corrections:
            continue
        for place in np.flatnonzero(each.parts != LEFT_OUT).tolist():
            if each.contents[place] in corrected:
                each.parts[place] = LEFT_OUT
                left_out["reviewed_since"] += 1


def _leave_out_known(facts: Sequence[_Facts], strong: int, weak: int, left_out: Counter[str]) -> None:
    """Leave out of part `weak` what equals or nearly equals a picture of part `strong`."""
    known = {each.contents[place] for each in facts for place in np.flatnonzero(each.parts == strong)}
    near = NearDuplicates(each.hashes[place] for each in facts for place in np.flatnonzero(each.parts == strong))
    for each in facts:
        for place in np.flatnonzero(each.parts == weak):
            if each.contents[place] in known:
                reason = f"equal_to_{ORDER[strong]}"
            elif near.has_near(each.hashes[place]):
                reason = f"near_{ORDER[strong]}"
            else:
                continue
            each.parts[place] = LEFT_OUT
            left_out[reason] += 1


def _count(shards: Sequence[ShardChoice], names: Sequence[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for place, split in enumerate(ORDER):
        chosen = [choice.labels[choice.parts == place] for choice in shards]
        together = np.concatenate(chosen) if chosen else np.zeros(0, np.int32)
        per_label = np.bincount(together, minlength=len(names)).tolist()
        counts[str(split)] = {name: count for name, count in zip(names, per_label, strict=True) if count}
    return counts
