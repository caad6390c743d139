"""Which pictures stand for a confusion, and that they never are too many."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.data_types import Split
from ml.shards import PackedExample, ShardWriter
from ml.training_examples import Selection, select_examples
from tasks import evaluation_pictures
from tasks.evaluation_pictures import (
    MOST_CHANGES,
    MOST_PICTURES,
    PER_MISTAKE,
    PER_RIGHT_LABEL,
    pick_cells,
    pick_changes,
    write_pack,
)
from tasks.holdout_answers import HoldoutResult


def make_result(truth: list[int], answers: list[int], confidence: list[float], labels: int = 3) -> HoldoutResult:
    scores = np.zeros((len(truth), labels))
    for place, (answer, share) in enumerate(zip(answers, confidence, strict=True)):
        scores[place] = (1 - share) / max(1, labels - 1)
        scores[place, answer] = share
    names = [f"label {place}" for place in range(labels)]
    nothing = np.zeros(len(truth), bool)
    return HoldoutResult(names, np.array(truth, np.int32), scores, nothing, nothing, 0.001)


def test_the_surest_mistakes_come_first_and_the_least_sure_right_answers() -> None:
    result = make_result([0, 0, 0, 1, 1], [1, 1, 1, 1, 1], [0.5, 0.9, 0.7, 0.8, 0.6])
    picks = pick_cells(result)
    assert [pick.place for pick in picks if pick.folder == "0/1"] == [1, 2, 0]
    assert [pick.place for pick in picks if pick.folder == "1/1"] == [4, 3]
    assert picks[0].facts == {"confidence": 0.9}


def test_each_field_has_a_limit() -> None:
    count = 100
    result = make_result([0] * count + [1] * count, [1] * (2 * count), [0.6] * (2 * count))
    folders = [pick.folder for pick in pick_cells(result)]
    assert folders.count("0/1") == PER_MISTAKE
    assert folders.count("1/1") == PER_RIGHT_LABEL


def test_all_fields_together_have_a_limit_that_takes_from_the_fullest() -> None:
    labels = 90
    source = np.random.default_rng(0)
    truth = source.integers(0, labels, 20_000)
    answers = np.where(source.uniform(size=20_000) < 0.9, truth, (truth + 1 + source.integers(0, 3, 20_000)) % labels)
    picks = pick_cells(make_result(truth.tolist(), answers.tolist(), source.uniform(0.5, 1, 20_000).tolist(), labels))
    assert len(picks) == MOST_PICTURES
    present = {f"{one}/{other}" for one, other in zip(truth, answers, strict=True)}
    assert {pick.folder for pick in picks} == present, "every field keeps its most telling picture"


def test_what_changed_is_told_by_name_and_limited() -> None:
    count = 60
    now = make_result([0] * count + [1], [1] * count + [1], [0.5 + 0.005 * place for place in range(count)] + [0.9])
    before = make_result([0] * count + [1], [0] * count + [2], [0.9] * (count + 1))
    picks = pick_changes(now, before)
    wrong = [pick for pick in picks if pick.folder == "changes/wrong"]
    assert len(wrong) == MOST_CHANGES
    assert wrong[0].place == count - 1
    [right] = [pick for pick in picks if pick.folder == "changes/right"]
    assert right.facts == {"truth": "label 1", "now": "label 1", "before": "label 2", "confidence": 0.9}


def test_nothing_measured_is_nothing_picked() -> None:
    nothing = make_result([], [], [])
    assert pick_cells(nothing) == []
    assert pick_changes(nothing, nothing) == []


def encode(colour: int, side: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side // 2), (colour, 0, 0)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def selection(tmp_path: Path) -> Selection:
    """Two shards, of raw and of encoded pictures: their brightness tells which is which."""
    with ShardWriter(tmp_path / "packed", ["a", "b"], has_official_test=True) as writer:
        for number in range(20):
            raw: Any = np.full((8, 8, 1), number, np.uint8)
            picture = raw if number < 10 else encode(number * 10, 400)
            example = PackedExample(picture, number % 2, f"{number:064x}", bytes(32), is_official_test=number % 5 < 3)
            writer.add(example)
    return select_examples([tmp_path / "packed"], ["a", "b"])


def test_the_pack_holds_the_picked_pictures_small(selection: Selection) -> None:
    # The holdout's order: numbers 0 1 2 5 6 7 10 11 12 15 16 17.
    assert selection.count(Split.HOLDOUT) == 12
    picks = [
        evaluation_pictures.Pick(8, "0/1", {"confidence": 0.9}),
        evaluation_pictures.Pick(3, "0/1", {"confidence": 0.8}),
        evaluation_pictures.Pick(3, "changes/wrong", {"truth": "a"}),
    ]
    with zipfile.ZipFile(io.BytesIO(write_pack(selection, picks))) as pack:
        assert set(pack.namelist()) == {"0/1/0.png", "0/1/1.png", "changes/wrong/0.png", "cells.json"}
        index = json.loads(pack.read("cells.json"))
        with Image.open(io.BytesIO(pack.read("0/1/0.png"))) as photo:
            assert photo.size == (96, 48)
            red, _, _ = photo.getpixel((20, 20))  # type: ignore[misc]
            assert abs(red - 120) < 6
        with Image.open(io.BytesIO(pack.read("0/1/1.png"))) as small:
            assert small.size == (8, 8)
            assert small.getpixel((0, 0)) == 5
    assert index["0/1"] == [
        {"confidence": 0.9, "content": f"{12:064x}"},
        {"confidence": 0.8, "content": f"{5:064x}"},
    ]
    assert index["changes/wrong"] == [{"truth": "a", "content": f"{5:064x}"}]
