"""manage.py train, evaluate, promote and rollback as people type them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from classifier.classifiers import create_classifier
from classifier.models import Classifier, ModelVersion, TrainingRun
from tasks.importing import import_pictures
from tests.dataset_makers import write_halves
from tests.migrated_database import put_migrated_database
from tests.row_makers import make_version

TINY = """
classifier: halves
epochs: 4
batch-size: 16
shift_pixels: 0
mixed_precision: "off"
network_settings: {stem: 4, widths: [8], blocks: [1]}
name: a first try
"""


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Path, rings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.MODEL_CACHE_DIR = tmp_path / "var" / "models"
    monkeypatch.setattr("classifier.training_news.live_sender.send", lambda events: None)
    settings.TRAINING_LEASE_SECONDS = 1e6


@pytest.fixture
def halves(db: None, tmp_path: Path) -> Classifier:
    place = write_halves(tmp_path / "halves", train=200, test=60)
    return import_pictures(name="halves", place=str(place)).dataset.classifier


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return str(path)


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_newcomer_trains_evaluates_and_trains_nothing_twice(halves: Classifier, configuration: str) -> None:
    told = run("train", "halves", "--config", configuration)
    assert "Holdout: " in told
    assert "v1 is live." in told
    assert TrainingRun.objects.get().name == "a first try"
    assert "nothing was trained" in run("train", "halves", "--config", configuration)
    measured = json.loads(run("evaluate", "halves", "--json"))
    assert {"accuracy", "low", "high", "n", "per_label"} <= measured.keys()
    assert measured["n"] == 60
    table = run("evaluate", "halves", "--model", "v1", "--dataset", "halves")
    assert "Rows are the truth, columns the answers:" in table
    assert "v1 is live already." in run("promote", "halves", "1")


def test_flags_win_over_the_configuration(halves: Classifier, configuration: str, rings: list[str]) -> None:
    run("train", "halves", "--config", configuration, "--epochs", "2", "--name", "mine", "--queue")
    queued = TrainingRun.objects.get()
    assert queued.settings["hyper_parameters"]["epochs"] == 2
    assert queued.settings["hyper_parameters"]["batch_size"] == 16
    assert (queued.name, queued.state) == ("mine", TrainingRun.State.QUEUED)


def test_a_policy_said_here_wins_over_the_classifiers(halves: Classifier) -> None:
    run("train", "halves", "--queue", "--policy", "not_worse", "--margin", "0.05")
    queued = TrainingRun.objects.get().settings
    assert (queued["policy"], queued["margin"]) == ("not_worse", 0.05)


def test_a_queued_run_rings_the_train_workers(halves: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(
        "webapp.management.commands.train.ring_by_name", lambda *words, queue: rung.append((*words, queue))
    )
    told = run("train", "halves", "--queue")
    queued = TrainingRun.objects.get()
    assert rung == [("tasks.training.run", [str(queued.id)], "train")]
    assert str(queued.id) in told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["halves", "--epochs", "0"], "epochs"),
        (["nothing"], "no classifier"),
        ([], "Name a classifier"),
        (["halves", "--run", "x"], "Name a classifier"),
        (["--run", "x"], "no training run"),
        (["halves", "--datasets", "gone"], "no dataset"),
        (["halves", "--config", "gone.yaml"], "cannot be read"),
    ],
)
def test_bad_input_is_a_sentence(halves: Classifier, words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("train", *words)
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize("text", ["- a list", "epochs: [", "classifier: other", "epoch: 3", "just words"])
def test_a_bad_configuration_is_a_sentence(halves: Classifier, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CommandError):
        run("train", "halves", "--config", str(tmp_path / "bad.yaml"))


def test_the_shipped_example_is_understood(halves: Classifier) -> None:
    create_classifier(slug="fashion")
    with pytest.raises(CommandError, match="no dataset “fashion-mnist”"):
        run("train", "fashion", "--config", "docs/examples/fashion.yaml")


def test_missing_weights_of_a_backbone_say_where_to_put_them(halves: Classifier, settings: Any, tmp_path: Path) -> None:
    settings.BACKBONE_WEIGHTS_DIR = str(tmp_path)
    with pytest.raises(CommandError, match="weights of VGG16 are not on this machine"):
        run("train", "halves", "--recipe", "transfer", "--backbone", "vgg16", "--image-size", "32")


def test_a_transfer_run_makes_a_version_that_answers(halves: Classifier, tmp_path: Path) -> None:
    configuration = tmp_path / "transfer.yaml"
    configuration.write_text(
        "recipe: transfer\nbackbone: mobilenet\nbackbone_weights: none\nimage_size: 32\nepochs: 2\n"
    )
    assert "v1" in run("train", "halves", "--config", str(configuration), "--promote", "force")
    assert "accuracy" in run("evaluate", "halves", "--json")


def test_a_rollback_goes_to_the_version_before(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.evaluating.load_version", lambda version: None)
    make_version(pets, "2" * 64)
    assert "v2 of pets is live instead of v1." in run("promote", "pets", "2")
    assert "v1 of pets is live again." in run("rollback", "pets")


def test_a_rollback_without_an_earlier_version_is_an_error(pets: Classifier) -> None:
    with pytest.raises(CommandError, match="no earlier live version"):
        run("rollback", "pets")


def test_a_version_that_does_not_load_is_not_promoted(pets: Classifier) -> None:
    make_version(pets, "2" * 64)
    with pytest.raises(CommandError, match="v2 cannot be loaded"):
        run("promote", "pets", "2")
    pets.refresh_from_db()
    assert pets.live_version == ModelVersion.objects.get(number=1)


def test_an_evaluation_needs_a_live_version(halves: Classifier) -> None:
    with pytest.raises(CommandError, match="no live version"):
        run("evaluate", "halves")


@pytest.mark.parametrize("command", ["train", "evaluate", "promote", "rollback"])
def test_help_shows_an_example(command: str) -> None:
    shown = subprocess.run(
        [sys.executable, "manage.py", command, "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    assert f"Example: manage.py {command}" in shown.stdout


TINY_AND_ENDLESS = """
epochs: 10000
patience_epochs: 0
batch_size: 16
shift_pixels: 0
mixed_precision: "off"
network_settings: {stem: 4, widths: [8], blocks: [1]}
"""


def hear_interrupts() -> None:
    """Tests that run in the background inherit that interrupts are ignored; a person at a terminal does not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.processes
def test_ctrl_c_in_the_middle_of_a_training_leaves_a_cancelled_run_and_no_files(tmp_path: Path) -> None:
    var = tmp_path / "real-var"
    environment = {**os.environ, "WHATSIT_VAR": str(var), "DJANGO_SETTINGS_MODULE": "classifier.settings"}
    environment.pop("DATABASE_URL", None)

    def manage(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            **options,
        )

    place = write_halves(tmp_path / "many", train=600, test=60)
    put_migrated_database(var)
    assert manage("import_images", "halves", str(place)).returncode == 0
    (tmp_path / "tiny.yaml").write_text(TINY_AND_ENDLESS, encoding="utf-8")
    command = [sys.executable, "manage.py", "train", "halves", "--config", str(tmp_path / "tiny.yaml")]
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 - nothing here holds a lock while the child is forked
    )
    deadline = time.monotonic() + 240
    while not list((var / "training").glob("*/checkpoint.npz")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Nothing half-done" in said
    assert not list((var / "training").iterdir())
    asked = manage("shell", "-v0", "-c", "from classifier.models import *; print(TrainingRun.objects.get().state)")
    assert asked.stdout.strip() == "cancelled"
