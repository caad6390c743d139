"""A run on tiny pictures: it learns, stops, resumes, repeats and writes an artifact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.artifact import read_manifest, read_weights
from ml.data_types import Progress, TrainingOutcome
from ml.errors import MlError
from ml.training import train
from tests.ml.tiny_models import TINY_SETTINGS, draw_examples, make_tiny_data


def run(folder: Path, **options: object) -> tuple[TrainingOutcome, list[Progress]]:
    news: list[Progress] = []
    arguments = {"on_progress": news.append, "should_stop": lambda: False, **options}
    return train(make_tiny_data(), TINY_SETTINGS, folder=folder, **arguments), news  # type: ignore[arg-type]


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return dict(read_weights(folder, read_manifest(folder)))


def assert_equal_weights(first: Path, second: Path) -> None:
    ours, theirs = weights_of(first), weights_of(second)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def test_it_learns_two_easy_kinds_and_says_so_in_the_metrics(tmp_path: Path) -> None:
    settings = replace(TINY_SETTINGS, epochs=8, average_momentum=0.5)
    outcome = train(
        make_tiny_data(), settings, folder=tmp_path / "m", on_progress=lambda _: None, should_stop=lambda: False
    )
    assert outcome.finished
    assert outcome.metrics["holdout"]["accuracy"] >= 0.95
    assert outcome.metrics["examples"] == {"train": 48, "validation": 40, "holdout": 40}


def test_the_same_seed_gives_the_same_weights(tmp_path: Path, tiny_artifact: Path) -> None:
    run(tmp_path / "again")
    assert_equal_weights(tiny_artifact, tmp_path / "again")


def test_it_tells_every_step_and_measures_validation_once_an_epoch(tmp_path: Path) -> None:
    outcome, news = run(tmp_path / "m")
    assert len(news) == 3 * 6 + 3
    assert [each.epoch for each in news if each.validation_accuracy is not None] == [0, 1, 2]
    assert outcome.history[-1].share_done == 1.0
    assert news[2].learning_rate > 0


def test_a_stopped_run_writes_no_artifact(tmp_path: Path) -> None:
    steps: list[Progress] = []
    outcome, _ = run(tmp_path / "m", on_progress=steps.append, should_stop=lambda: len(steps) >= 3)
    assert not outcome.finished
    assert len(steps) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path, tiny_artifact: Path) -> None:
    checkpoint = tmp_path / "state.npz"
    steps: list[Progress] = []
    stopped, _ = run(
        tmp_path / "m", on_progress=steps.append, should_stop=lambda: len(steps) >= 16, checkpoint=checkpoint
    )
    assert stopped.epochs_done == 2
    resumed, _ = run(tmp_path / "m", checkpoint=checkpoint)
    assert resumed.finished
    assert_equal_weights(tiny_artifact, tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train": draw_examples(1, 0)}, "no training picture: lower"),
        ({"validation": draw_examples(0, 0)}, "fell to validation"),
        ({"labels": ["upper"]}, "at least two labels"),
    ],
)
def test_data_too_small_to_train_on_is_refused_with_a_sentence(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    data = replace(make_tiny_data(), **change)  # type: ignore[arg-type]
    with pytest.raises(MlError, match=sentence):
        train(data, TINY_SETTINGS, folder=tmp_path / "m", on_progress=lambda _: None, should_stop=lambda: False)


def test_a_run_without_a_holdout_still_ends_with_a_model(tmp_path: Path) -> None:
    data = replace(make_tiny_data(), holdout=draw_examples(0, 0))
    settings = replace(TINY_SETTINGS, epochs=1)
    outcome = train(data, settings, folder=tmp_path / "m", on_progress=lambda _: None, should_stop=lambda: False)
    assert outcome.metrics["holdout"] == {"count": 0}
