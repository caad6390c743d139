"""Runs that end before their last epoch, that weigh rare labels, and that use several devices."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.courses import Course
from ml.data_types import LabelledImages, Progress, TrainingData, TrainingOutcome
from ml.training import train
from ml.training_settings import TrainingSettings
from tests.ml.test_training import assert_equal_weights
from tests.ml.tiny_models import TINY_SETTINGS, draw_examples, make_tiny_data

FOUR = replace(TINY_SETTINGS, epochs=4)
BUDGET = replace(FOUR, time_budget_minutes=3.2)
PATIENT = replace(TINY_SETTINGS, epochs=30, patience_epochs=2, average_momentum=0.0, peak_learning_rate=0.05)


def run(
    folder: Path, settings: TrainingSettings, data: TrainingData | None = None, **options: Any
) -> tuple[TrainingOutcome, list[Progress]]:
    news: list[Progress] = []
    arguments = {"on_progress": news.append, "should_stop": lambda: False, **options}
    return train(data or make_tiny_data(), settings, folder=folder, **arguments), news


def stop_in_epoch(epoch: int) -> dict[str, Any]:
    news: list[Progress] = []
    return {"on_progress": news.append, "should_stop": lambda: news[-1].epoch == epoch and news[-1].step == 2}


@pytest.fixture
def a_minute_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = count(0, 60)
    monkeypatch.setattr("ml.training.Course", partial(Course, clock=lambda: float(next(minutes))))


@pytest.mark.usefixtures("a_minute_an_epoch")
def test_a_run_with_too_small_a_budget_lets_its_learning_rate_fall_to_a_nearer_end(tmp_path: Path) -> None:
    outcome, news = run(tmp_path / "m", BUDGET)
    assert outcome.finished
    assert outcome.epochs_done == 3
    [remark] = [each.remark for each in news if each.remark]
    assert "allows 3 of 4 epochs" in remark
    assert news[-1].share_done == 1.0
    assert news[-1].learning_rate < 0.02 * BUDGET.peak_learning_rate
    assert outcome.metrics["run"]["epochs"] == {
        "wished": 4,
        "done": 3,
        "best": outcome.metrics["run"]["epochs"]["best"],
    }


def test_a_shortened_run_that_is_resumed_keeps_to_its_plan_and_ends_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, a_minute_an_epoch: None
) -> None:
    run(tmp_path / "whole", BUDGET)
    minutes = count(0, 60)
    monkeypatch.setattr("ml.training.Course", partial(Course, clock=lambda: float(next(minutes))))
    checkpoint = tmp_path / "state.npz"
    stopped, _ = run(tmp_path / "m", BUDGET, checkpoint=checkpoint, **stop_in_epoch(1))
    assert (stopped.finished, stopped.epochs_done) == (False, 1)
    monkeypatch.setattr("ml.training.Course", Course)
    resumed, _ = run(tmp_path / "m", BUDGET, checkpoint=checkpoint)
    assert resumed.epochs_done == 3
    assert_equal_weights(tmp_path / "whole", tmp_path / "m")


def test_a_run_out_of_patience_ends_with_the_averaged_weights_of_its_best_epoch(tmp_path: Path) -> None:
    outcome, news = run(tmp_path / "m", PATIENT)
    best = outcome.metrics["run"]["epochs"]["best"]
    assert outcome.finished
    assert outcome.epochs_done == best + 2 < 30
    assert news[-1].remark.startswith(f"Stopped after epoch {best + 2}")
    losses = [each.validation_loss for each in outcome.history]
    assert losses[best - 1] == min(loss for loss in losses if loss is not None)
    shorter, _ = run(tmp_path / "until_best", PATIENT, **stop_in_epoch(best), checkpoint=tmp_path / "state.npz")
    assert shorter.epochs_done == best
    with np.load(tmp_path / "state.npz") as stored:
        names = [name for name in stored.files if name.startswith("average/")]
        assert names
        for name in names:
            np.testing.assert_array_equal(stored[name], stored[name.replace("average", "best")])


def test_a_patient_run_that_is_resumed_ends_alike_and_not_later(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", PATIENT)
    checkpoint = tmp_path / "state.npz"
    run(tmp_path / "m", PATIENT, checkpoint=checkpoint, **stop_in_epoch(whole.epochs_done - 1))
    resumed, _ = run(tmp_path / "m", PATIENT, checkpoint=checkpoint)
    assert resumed.epochs_done == whole.epochs_done
    assert_equal_weights(tmp_path / "whole", tmp_path / "m")
    again, _ = run(tmp_path / "again", PATIENT, checkpoint=checkpoint)
    assert again.epochs_done == whole.epochs_done
    assert_equal_weights(tmp_path / "whole", tmp_path / "again")


def test_rare_labels_are_weighed_and_the_log_says_so(tmp_path: Path) -> None:
    even = draw_examples(48, 0)
    rare = LabelledImages(*(np.concatenate([part[::2], part[1:8:2]]) for part in (even.images, even.labels)))
    data = replace(make_tiny_data(), train=rare)
    outcome, news = run(tmp_path / "m", TINY_SETTINGS, data)
    assert [each.remark for each in news if each.remark] == ["class weights: lower 3.50, upper 0.58"]
    assert outcome.metrics["run"]["class_weights"] == [0.583333, 3.5]
    unweighed, news = run(tmp_path / "off", replace(TINY_SETTINGS, class_weights=False), data)
    assert not any(each.remark for each in news)
    assert unweighed.metrics["run"]["class_weights"] == [1.0, 1.0]


TWO_DEVICES = """
import sys
import tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from dataclasses import replace
from pathlib import Path
import ml.training as training
from tests.ml.tiny_models import TINY_SETTINGS, make_tiny_data
settings = replace(TINY_SETTINGS, epochs=8, average_momentum=0.0)
for devices in (["CPU:0"], ["CPU:0", "CPU:1"]):
    strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None
    training.choose_strategy = lambda: strategy
    outcome = training.train(
        make_tiny_data(),
        settings,
        folder=Path(sys.argv[1]) / str(len(devices)),
        on_progress=lambda news: None,
        should_stop=lambda: False,
    )
    print(outcome.history[3].validation_loss, outcome.history[-1].validation_loss)
    print(outcome.metrics["holdout"]["accuracy"], 0)
"""


def test_two_devices_learn_what_one_learns(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    losses_of_one, (right_of_one, _), losses_of_two, (right_of_two, _) = (
        [float(word) for word in line.split()] for line in done.stdout.splitlines()
    )
    assert losses_of_two == pytest.approx(losses_of_one, abs=0.1)
    assert losses_of_two != losses_of_one  # each device took its norms from its own half of the batch
    assert min(right_of_one, right_of_two) >= 0.95
