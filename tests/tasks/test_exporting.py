"""An export can be imported again."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.errors import Refused
from tasks.exporting import export_pictures, folder_names
from tasks.importing import import_pictures
from tests.dataset_makers import write_folders, write_idx

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private_state(settings: pytest.FixtureRequest, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"  # type: ignore[attr-defined]


def test_what_was_exported_is_recognised_when_it_is_imported(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "set", {"train/a": 3, "train/b": 3, "test/a": 1, "test/b": 2})
    first = import_pictures(name="set", place=str(folder))
    assert export_pictures(dataset=first.dataset, folder=tmp_path / "out") == 9
    assert not import_pictures(name="again", place=str(tmp_path / "out"), classifier_slug="set").is_new


def test_raw_idx_pictures_are_exported_too(tmp_path: Path) -> None:
    outcome = import_pictures(name="x", place=str(write_idx(tmp_path / "idx", train=[0, 1, 1])))
    export_pictures(dataset=outcome.dataset, folder=tmp_path / "out")
    assert sorted(path.parent.name for path in (tmp_path / "out").rglob("*.png")) == ["0", "1", "1"]


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    outcome = import_pictures(name="x", place=str(write_idx(tmp_path / "idx", train=[0, 1])))
    with pytest.raises(Refused, match="not an empty folder"):
        export_pictures(dataset=outcome.dataset, folder=tmp_path)


def test_an_interrupted_export_leaves_nothing(tmp_path: Path) -> None:
    outcome = import_pictures(name="x", place=str(write_idx(tmp_path / "idx", train=[0, 1])))

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        export_pictures(dataset=outcome.dataset, folder=tmp_path / "out", on_progress=interrupt)
    assert sorted(tmp_path.iterdir()) == before


def test_label_names_become_different_plain_folders() -> None:
    assert folder_names(["T-shirt/top", "T-shirt_top", "..", "👟"]) == ["T-shirt_top", "T-shirt_top_2", "label", "_"]
