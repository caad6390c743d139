"""A run's checkpoint travels through object storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.classifiers import create_classifier
from classifier.errors import StorageUnavailable
from classifier.identifiers import new_id
from classifier.models import TrainingRun
from classifier.object_storage import list_objects
from classifier.training_checkpoints import (
    fetch_checkpoint,
    forget_checkpoint,
    remove_orphan_checkpoints,
    save_checkpoint,
)

pytestmark = pytest.mark.django_db


def stored() -> list[str]:
    return [found.key for found in list_objects("training/")]


def test_the_newest_checkpoint_is_fetched(tmp_path: Path) -> None:
    run_id, here = new_id(), tmp_path / "checkpoint.npz"
    for epoch in (b"first", b"second"):
        here.write_bytes(epoch)
        save_checkpoint(run_id, here)
    assert fetch_checkpoint(run_id, tmp_path / "other.npz")
    assert (tmp_path / "other.npz").read_bytes() == b"second"


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert not fetch_checkpoint(new_id(), tmp_path / "checkpoint.npz")


def test_a_storage_that_is_away_does_not_stop_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str, data: bytes = b"") -> None:
        raise StorageUnavailable

    monkeypatch.setattr("classifier.training_checkpoints.write_verified", refuse)
    monkeypatch.setattr("classifier.training_checkpoints.delete_object", refuse)
    (tmp_path / "checkpoint.npz").write_bytes(b"x")
    save_checkpoint(new_id(), tmp_path / "checkpoint.npz")
    forget_checkpoint(new_id())
    assert stored() == []


def test_checkpoints_of_ended_runs_are_removed_and_others_stay(tmp_path: Path) -> None:
    pets = create_classifier(slug="pets")
    ended = TrainingRun.objects.create(classifier=pets, state=TrainingRun.State.FAILED)
    active = TrainingRun.objects.create(classifier=pets)
    (tmp_path / "checkpoint.npz").write_bytes(b"x")
    for run in (ended, active):
        save_checkpoint(run.id, tmp_path / "checkpoint.npz")
    assert remove_orphan_checkpoints() == 1
    assert stored() == [f"training/{active.id.hex}/checkpoint.npz"]
