"""Runs of the recipe `transfer` keep the features of pictures for the next one; every run logs what it decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from classifier.models import Classifier, TrainingRun
from tasks.importing import import_pictures
from tasks.trainer import TrainingReport
from tasks.training_jobs import execute_run
from tasks.training_options import read_options
from tasks.training_requests import request_training

pytestmark = pytest.mark.django_db
TRANSFER = {
    "recipe": "transfer",
    "image_size": 32,
    "backbone_weights": "none",
    "mixed_precision": "off",
    "epochs": 2,
    "promote": "never",
}


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Path, rings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.MODEL_CACHE_DIR = tmp_path / "var" / "models"
    settings.TRAINING_LEASE_SECONDS = 1e6  # the keeper's thread would meet this test's open transaction
    monkeypatch.setattr("classifier.training_news.live_sender.send", lambda events: None)


@pytest.fixture
def colours(tmp_path: Path) -> Classifier:
    """Thirty reds, ten blues."""
    for name, count in (("red", 30), ("blue", 10)):
        (tmp_path / "colours" / name).mkdir(parents=True)
        for place in range(count):
            shade = (200 - 3 * place, place, 20) if name == "red" else (20, place, 200 - 5 * place)
            Image.new("RGB", (40, 40), shade).save(tmp_path / "colours" / name / f"{place}.png")
    return import_pictures(name="colours", place=str(tmp_path / "colours")).dataset.classifier


def train(classifier: Classifier, **values: Any) -> TrainingReport:
    options = read_options({**TRANSFER, **values})
    return execute_run(request_training(slug=classifier.slug, options=options).id)


def test_a_second_run_computes_no_feature_again(
    colours: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(colours)
    assert list((tmp_path / "var" / "features").glob("*/*.npz"))
    monkeypatch.setattr(
        "ml.features.FeatureExtractor._compute_batch", lambda *_: pytest.fail("a feature was computed twice")
    )
    second = train(colours, epochs=3)
    assert second.version.number == first.version.number + 1


def test_without_room_nothing_is_kept(colours: Classifier, tmp_path: Path, settings: Any) -> None:
    settings.FEATURE_CACHE_BYTES = 0
    train(colours)
    assert not (tmp_path / "var" / "features").exists()


def test_the_log_says_how_labels_are_weighed_and_why_a_run_became_shorter(colours: Classifier) -> None:
    train(colours, fine_tune_epochs=3, time_budget_minutes=1e-6)
    log = TrainingRun.objects.get().log
    assert "class weights: blue " in log
    assert "allows 1 of 3 epochs" in log
