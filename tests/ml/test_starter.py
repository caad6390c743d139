"""The model that is shipped: small, good on the official test pictures, and right about drawn garments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.artifact import WEIGHTS, read_manifest
from ml.data_types import Answer
from ml.datasets import FASHION_LABELS, read_idx
from ml.inference import LoadedModel
from ml.starter import starter_folder
from tests.ml.drawn_garments import draw_garments


@pytest.fixture(scope="module")
def starter() -> LoadedModel:
    return LoadedModel.load(starter_folder())


def test_it_knows_the_ten_garments_and_is_small() -> None:
    assert read_manifest(starter_folder()).labels == FASHION_LABELS
    assert (starter_folder() / WEIGHTS).stat().st_size <= 2_000_000


def test_nine_hundred_and_twenty_five_of_a_thousand_official_test_pictures_are_right(
    starter: LoadedModel, fashion_folder: Path
) -> None:
    images = read_idx(fashion_folder / "t10k-images-idx3-ubyte.gz")[..., None]
    labels = read_idx(fashion_folder / "t10k-labels-idx1-ubyte.gz")
    answers = [starter.logits(images[start : start + 250]).argmax(axis=1) for start in range(0, len(images), 250)]
    accuracy = float((np.concatenate(answers) == labels).mean())
    assert accuracy >= 0.925
    assert accuracy == pytest.approx(starter.manifest.metrics["holdout"]["accuracy"], abs=0.002)


def test_four_of_five_drawn_garments_are_named_right(starter: LoadedModel) -> None:
    garments = list(draw_garments())
    answers = starter.predict(np.stack([starter.prepare(data) for _, _, data in garments]))
    wrong = [
        f"{name}: {describe(starter, answer)}"
        for (name, label, _), answer in zip(garments, answers, strict=True)
        if starter.labels[answer.label_index] != label
    ]
    assert len(garments) == 30
    assert len(wrong) <= 6, "\n".join(wrong)


def describe(starter: LoadedModel, answer: Answer) -> str:
    return f"{starter.labels[answer.label_index]} {answer.confidence:.2f}{' unsure' if answer.unsure else ''}"
