"""manage.py import_images and export_images as people type them."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.dataset_makers import write_folders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private_state(settings: pytest.FixtureRequest, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"  # type: ignore[attr-defined]


def run(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_it_says_what_was_imported_and_what_comes_next(tmp_path: Path) -> None:
    out, _ = run("import_images", "pets", str(write_folders(tmp_path / "pets", {"cats": 3, "dogs": 3})))
    assert "Dataset “pets” of classifier pets (new): 6 pictures of 2 label(s)" in out
    assert "manage.py train pets" in out


def test_it_lists_bad_files_by_name_and_reason(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "pets", {"cats": 3, "dogs": 3})
    (folder / "cats" / "bad.jpg").write_bytes(b"")
    out, err = run("import_images", "pets", str(folder))
    assert "cats/bad.jpg: This file is empty." in err
    assert "1 file(s) could not be used" in out


def test_it_says_that_the_same_pictures_are_there_already(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "pets", {"cats": 3, "dogs": 3})
    run("import_images", "pets", str(folder))
    out, _ = run("import_images", "pets-2", str(folder), "--classifier", "pets")
    assert "These pictures are dataset “pets” of classifier pets already." in out


def test_a_single_label_is_mentioned(tmp_path: Path) -> None:
    out, _ = run("import_images", "pets", str(write_folders(tmp_path / "pets", {"cats": 3})))
    assert "training needs at least two" in out


def test_labels_without_a_training_picture_are_mentioned(tmp_path: Path) -> None:
    counts = {"train/cats": 3, "test/cats": 1, "test/dogs": 1}
    out, _ = run("import_images", "pets", str(write_folders(tmp_path / "pets", counts)))
    assert "1 label(s) have no picture to train on yet" in out


def test_a_missing_place_is_a_command_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="neither a folder nor a file"):
        run("import_images", "pets", str(tmp_path / "gone"))


def test_an_interrupt_is_said_with_its_own_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tasks.importing.import_pictures", interrupt)
    with pytest.raises(CommandError, match="Nothing half-done") as caught:
        run("import_images", "pets", str(tmp_path))
    assert caught.value.returncode == 130


def test_an_export_says_how_many_pictures_it_wrote(tmp_path: Path) -> None:
    run("import_images", "pets", str(write_folders(tmp_path / "pets", {"cats": 3, "dogs": 3})))
    out, _ = run("export_images", "pets", str(tmp_path / "out"))
    assert "6 pictures of 2 label(s)" in out
    assert len(list((tmp_path / "out" / "cats").iterdir())) == 3


def test_an_unknown_dataset_is_a_command_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no dataset"):
        run("export_images", "nothing", str(tmp_path / "out"))


@pytest.mark.parametrize("command", ["import_images", "export_images"])
def test_help_shows_an_example(command: str) -> None:
    shown = subprocess.run(
        [sys.executable, "manage.py", command, "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    assert f"Example: manage.py {command}" in shown.stdout
