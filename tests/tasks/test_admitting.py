"""Files through the gate by threads and by processes: the same outcome, in the same order, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from classifier.admitting_process import admit_handful
from classifier.dataset_archives import UnreadableFileError
from classifier.dataset_layouts import PictureFile, RejectedFile
from classifier.decode_pool import DecoderBusyError
from classifier.errors import StorageUnavailable
from tasks import admitting
from tasks.admitting import admit_all
from tests.row_makers import png_bytes
from tests.stack import ROOT

FILES = [PictureFile(f"cats/{number}.png", 0, False) for number in range(80)]


class Source:
    """Every ninth file is no picture, every eleventh cannot be read."""

    def names(self) -> list[str]:
        return [file.name for file in FILES]

    def read(self, name: str, most_bytes: int) -> bytes:
        number = int(Path(name).stem)
        if number % 11 == 10:
            raise UnreadableFileError("It cannot be read.")
        return b"no picture" if number % 9 == 8 else png_bytes(number)

    def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def by_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admitting, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(admitting, "count_cores", lambda: 4)


def test_processes_say_what_threads_say(by_processes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(admit_all(Source(), FILES))
    monkeypatch.setattr(admitting, "WORTH_PROCESSES", 1000)
    assert found == list(admit_all(Source(), FILES))
    assert [file for file, _ in found] == FILES
    assert sum(isinstance(outcome, RejectedFile) for _, outcome in found) == 8 + 7


@pytest.mark.parametrize(("cores", "files", "processes"), [(2, 80, None), (4, 79, None), (4, 80, 3), (64, 80, 8)])
def test_processes_are_for_many_files_and_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, files: int, processes: int | None
) -> None:
    asked: list[int | None] = []

    def by_threads(source: Source, files: list[PictureFile]) -> list[object]:
        asked.append(None)
        return []

    def by_processes(source: Source, files: list[PictureFile], count: int) -> list[object]:
        asked.append(count)
        return []

    monkeypatch.setattr(admitting, "WORTH_PROCESSES", 80)
    monkeypatch.setattr(admitting, "count_cores", lambda: cores)
    monkeypatch.setattr(admitting, "_admit_by_threads", by_threads)
    monkeypatch.setattr(admitting, "_admit_by_processes", by_processes)
    list(admit_all(Source(), FILES[:files]))
    assert asked == [processes]


def test_a_storage_that_goes_away_ends_it(by_processes: None) -> None:
    class Away(Source):
        def read(self, name: str, most_bytes: int) -> bytes:
            if name == FILES[50].name:
                raise StorageUnavailable
            return super().read(name, most_bytes)

    with pytest.raises(StorageUnavailable):
        list(admit_all(Away(), FILES))


def test_whoever_stops_in_the_middle_leaves_no_process(by_processes: None) -> None:
    before = children_of(os.getpid())
    running: Iterator[object] = iter(admit_all(Source(), FILES))
    next(running)
    assert len(children_of(os.getpid()) - before) >= 2
    running.close()  # type: ignore[attr-defined]
    # multiprocessing's own resource tracker stays for the life of the process.
    assert len(children_of(os.getpid()) - before) <= 1


def test_our_own_decoders_trouble_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes) -> None:
        raise DecoderBusyError

    monkeypatch.setattr("classifier.admitting_process.admit_picture", fail)
    assert admit_handful([b"x"]) == [None]


IMPORTER = """
import time
if __name__ == "__main__":
    import django
    django.setup()
    from tasks import admitting
    from tests.tasks.test_admitting import FILES, Source
    admitting.WORTH_PROCESSES, admitting.count_cores = 1, lambda: 4
    running = iter(admitting.admit_all(Source(), FILES))
    next(running)
    print("begun", flush=True)
    time.sleep(120)
"""


@pytest.mark.processes
@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are found in /proc, which this system lacks")
def test_the_processes_of_a_killed_import_end(tmp_path: Path) -> None:
    program = tmp_path / "importer.py"
    program.write_text(IMPORTER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WHATSIT_VAR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, str(program)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as importer:
        assert importer.stdout
        assert importer.stdout.readline() == "begun\n"
        family = children_of(importer.pid)
        assert len(family) >= 2
        importer.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 50
    while any(Path(f"/proc/{number}").exists() for number in family):
        assert time.monotonic() < deadline, "the decoding processes outlived the import"
        time.sleep(0.05)


def children_of(process_id: int) -> set[int]:
    found = set()
    for path in Path("/proc").glob(f"{process_id}/task/*/children"):
        found |= {int(word) for word in path.read_text().split()}
    return found
