"""Housekeeping removes what killed imports and trainings left behind, once it is old enough."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.classifiers import create_classifier
from classifier.models import TrainingRun
from classifier.object_storage import list_objects, write_verified
from tasks.housekeeping import remove_orphan_objects

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path
    settings.ORPHAN_OBJECT_SECONDS = 0.0


def test_what_no_row_names_is_removed_and_running_twice_changes_nothing(tmp_path: Any) -> None:
    active = TrainingRun.objects.create(classifier=create_classifier(slug="pets"))
    kept = f"training/{active.id.hex}/checkpoint.npz"
    lost = f"evaluations/{'2' * 32}/{'3' * 16}/cells.zip"
    for key in (f"datasets/{'0' * 32}/shard-00000.npz", f"training/{'1' * 32}/checkpoint.npz", lost, kept):
        write_verified(key, b"x")
    (tmp_path / "datasets" / ("0" * 32)).mkdir(parents=True)
    for _ in range(2):
        remove_orphan_objects()
        assert [
            found.key for prefix in ("datasets/", "training/", "evaluations/") for found in list_objects(prefix)
        ] == [kept]
        assert list((tmp_path / "datasets").iterdir()) == []
