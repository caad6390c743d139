"""A run in a sentence, whatever it is doing."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.models import TrainingRun
from classifier.run_sentences import about, percent, progress_sentence, run_sentence


@pytest.mark.parametrize(
    ("progress", "sentence"),
    [
        ({}, "Starting."),
        ({"phase": "fetching", "share": 0.0}, "Fetching the pictures"),
        ({"phase": "preparing", "share": 0.414}, "Preparing the pictures, 41 %"),
        (
            {"phase": "features", "share": 0.5, "remaining_seconds": 62.0},
            "Looking at every picture once, 50 %, about 60 s left",
        ),
        ({"phase": "training", "share": 0.01, "epoch": 1, "epochs": 20, "accuracy": None}, "Epoch 1 of 20"),
        (
            {"phase": "training", "epoch": 7, "epochs": 20, "accuracy": 0.9284, "remaining_seconds": 170},
            "Epoch 7 of 20, 92.8 %, about 3 min left",
        ),
        ({"phase": "fine_tuning", "epoch": 1, "epochs": 2, "accuracy": 0.97}, "Fine-tuning, epoch 1 of 2, 97.0 %"),
        ({"phase": "measuring", "share": 1.0}, "Measuring on the holdout, 100 %"),
    ],
)
def test_progress_is_said_in_a_sentence(progress: dict[str, Any], sentence: str) -> None:
    assert progress_sentence(progress).replace("\u00a0", " ") == sentence


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"state": "queued"}, "Waiting for its turn."),
        ({"state": "running", "cancel_requested": True}, "Stopping: the run ends at its next step."),
        ({"state": "done", "outcome": "v3 is live. 12 newly right."}, "v3 is live."),
        ({"state": "failed", "outcome": "The disk is full."}, "The disk is full."),
        ({"state": "cancelled", "outcome": ""}, "The run is cancelled."),
    ],
)
def test_each_state_has_its_sentence(facts: dict[str, Any], sentence: str) -> None:
    assert run_sentence(TrainingRun(**facts)) == sentence


def test_durations_are_said_roughly() -> None:
    said = [about(seconds).replace("\u00a0", " ") for seconds in (0.2, 42, 200, 4 * 3600)]
    assert said == ["about 5 s", "about 40 s", "about 3 min", "about 4 h"]


def test_percentages_have_as_many_digits_as_they_deserve() -> None:
    assert [percent(0.92841), percent(0.5, digits=0)] == ["92.8\u00a0%", "50\u00a0%"]
