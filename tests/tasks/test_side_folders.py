"""Side folders go with their work, also when its process was killed; those in use stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tasks.side_folders import remove_dead_folders, side_folder

HOLD = """
import os, signal, sys
from pathlib import Path
from tasks.side_folders import side_folder
with side_folder(Path(sys.argv[1])) as folder:
    (folder / "picture").write_bytes(b"x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_goes_with_its_work(tmp_path: Path) -> None:
    with side_folder(tmp_path / "root") as folder:
        (folder / "picture").write_bytes(b"x")
    assert not folder.exists()


def test_a_folder_in_use_stays(tmp_path: Path) -> None:
    with side_folder(tmp_path / "root") as folder:
        assert remove_dead_folders(tmp_path / "root") == 0
        assert folder.exists()


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HOLD, str(tmp_path / "root")], check=False, cwd=Path(__file__).parents[2])
    assert list((tmp_path / "root").rglob("picture"))
    assert remove_dead_folders(tmp_path / "root") == 1
    assert not list((tmp_path / "root").iterdir())


def test_one_that_is_just_being_made_stays_and_an_old_one_without_lock_goes(tmp_path: Path) -> None:
    (tmp_path / "young").mkdir()
    (tmp_path / "old").mkdir()
    os.utime(tmp_path / "old", (0, 0))
    assert remove_dead_folders(tmp_path) == 1
    assert (tmp_path / "young").exists()
    assert remove_dead_folders(tmp_path / "nothing") == 0
