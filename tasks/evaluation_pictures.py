"""The pictures behind an evaluation: which show a confusion best, and a ZIP of their thumbnails."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.data_types import Split
from ml.shards import Shard, read_shards
from ml.training_examples import ORDER, Selection
from tasks.dataset_packing import open_packed_picture
from tasks.holdout_answers import HoldoutResult

INDEX: Final = "cells.json"
THUMBNAIL_SIDE: Final = 96
PER_MISTAKE: Final = 24
PER_RIGHT_LABEL: Final = 12
MOST_PICTURES: Final = 1500
"""Of all cells together; photographs of 96 pixels take up to 20 KB each."""
MOST_CHANGES: Final = 48


@dataclass(frozen=True, slots=True)
class Pick:
    """One picture of the pack: its place in the holdout's order, its folder, and what the index says about it."""

    place: int
    folder: str
    facts: dict[str, Any]


def pick_cells(result: HoldoutResult) -> list[Pick]:
    """Of each confusion cell the most confident mistakes, of each label the least confident right answers.

    Where all would be too many, each cell gives up its least telling ones first. Best first within a folder.
    """
    answers = result.answers
    if not len(answers):
        return []
    confidence, right = result.scores.max(axis=1), answers == result.truth
    cell = result.truth.astype(np.int64) * len(result.labels) + answers
    order = np.lexsort((np.where(right, confidence, -confidence), cell))
    ranks = _count_up(cell[order])
    kept = ranks < np.where(right[order], PER_RIGHT_LABEL, PER_MISTAKE)
    order, ranks = order[kept], ranks[kept]
    first = np.lexsort((cell[order], ranks))[:MOST_PICTURES]
    return [
        Pick(int(place), f"{result.truth[place]}/{answers[place]}", {"confidence": round(float(confidence[place]), 4)})
        for place in order[first].tolist()
    ]


def pick_changes(now: HoldoutResult, before: HoldoutResult) -> list[Pick]:
    """What the version answers wrongly and the other did not, and the other way round; the most confident first.

    Both have answered the same pictures in the same order; their labels may differ and are told by name.
    """
    picks = []
    changed = changed_answers(now, before)
    confidence = now.scores.max(axis=1) if len(now.truth) else np.zeros(0)
    for name, is_changed in zip(("wrong", "right"), changed, strict=True):
        places = np.flatnonzero(is_changed)
        for place in places[np.argsort(-confidence[places], kind="stable")][:MOST_CHANGES].tolist():
            facts = {
                "truth": now.labels[now.truth[place]],
                "now": now.labels[now.answers[place]],
                "before": before.labels[before.answers[place]],
                "confidence": round(float(confidence[place]), 4),
            }
            picks.append(Pick(place, f"changes/{name}", facts))
    return picks


def changed_answers(now: HoldoutResult, before: HoldoutResult) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`(newly wrong, newly right)`, one flag a picture."""
    is_right, was_right = now.answers == now.truth, before.answers == before.truth
    return was_right & ~is_right, is_right & ~was_right


def write_pack(selection: Selection, picks: Sequence[Pick]) -> bytes:
    """A ZIP of `<folder>/<n>.png` in the order of the picks, and `cells.json`: `{folder: [facts with content]}`.

    One shard in memory at a time. Raises DatasetError where one is damaged.
    """
    numbers: dict[str, int] = {}
    named: dict[int, list[tuple[str, int]]] = {}
    index: dict[str, list[dict[str, Any]]] = {}
    for pick in picks:
        number = numbers[pick.folder] = numbers.get(pick.folder, -1) + 1
        named.setdefault(pick.place, []).append((pick.folder, number))
        index.setdefault(pick.folder, []).append(dict(pick.facts))
    with tempfile.TemporaryFile() as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for place, shard, where in _find_pictures(selection, set(named)):
                thumbnail = make_thumbnail(shard, where)
                for folder, number in named[place]:
                    archive.writestr(f"{folder}/{number}.png", thumbnail)
                    index[folder][number]["content"] = shard.content(where)
            archive.writestr(INDEX, json.dumps(index, ensure_ascii=False), zipfile.ZIP_DEFLATED)
        stream.seek(0)
        return stream.read()


def make_thumbnail(shard: Shard, place: int) -> bytes:
    """The packed picture itself, not what the model saw of it, as a PNG of at most 96 pixels a side."""
    picture = open_packed_picture(shard, place)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _find_pictures(selection: Selection, wanted: set[int]) -> Iterator[tuple[int, Shard, int]]:
    """`(place in the holdout, shard, place in the shard)`, in the order in which `answer_holdout` asks."""
    holdout = ORDER.index(Split.HOLDOUT)
    passed = 0
    for choice in selection.shards:
        places = np.flatnonzero(choice.parts == holdout).tolist()
        found = [(passed + count, place) for count, place in enumerate(places) if passed + count in wanted]
        passed += len(places)
        if found:
            for shard in read_shards(choice.folder, choice.alone()):
                yield from ((number, shard, place) for number, place in found)


def _count_up(values: NDArray[Any]) -> NDArray[np.int64]:
    """0, 1, 2 … within each run of equal values."""
    places = np.arange(len(values))
    starts = np.append(True, values[1:] != values[:-1])
    return np.asarray(places - np.maximum.accumulate(np.where(starts, places, 0)))
