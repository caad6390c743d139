"""manage.py classify as people type it; a worker that needs no process answers at every pause."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from classifier import batch_running
from classifier.batch_jobs import claim_batch, keep_batch
from classifier.models import BatchItem, BatchJob, Classifier, Image, Prediction
from classifier.object_storage import write_verified
from tests.batch_makers import answer_waiting, write_pictures
from tests.row_makers import make_version, png_bytes
from webapp.management.commands import classify

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "THREADS", 0)


@pytest.fixture(autouse=True)
def worker(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.batch_running.sleep", lambda seconds: answer_waiting(pets))


def run(*words: str | Path) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("classify", *[str(word) for word in words], stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_every_file_gets_its_line_in_the_order_of_the_names(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 3)
    out, err = run("pets", folder)
    assert out.splitlines() == [f"{folder}/{number:04}.png: cat (90.0%)" for number in range(3)]
    assert "3 file(s) classified." in err


def test_json_has_an_object_a_line_with_the_names_of_the_api(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 2)
    run("pets", folder, "--json", tmp_path / "out.jsonl")
    first, _ = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert (first["place"], first["state"], first["label"], first["error"]) == (
        f"{folder}/0000.png",
        "done",
        "cat",
        None,
    )
    assert first["model"]["version"] == 1
    assert Image.objects.filter(id=first["image"], source="command").exists()


def test_csv_goes_to_the_terminal_for_a_dash(tmp_path: Path) -> None:
    out, _ = run("pets", write_pictures(tmp_path / "p", 2), "--csv", "-")
    rows = list(csv.DictReader(StringIO(out)))
    assert [(row["state"], row["label"], row["model_version"]) for row in rows] == [("done", "cat", "1")] * 2


def test_bad_files_are_listed_and_never_fatal(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 2)
    (folder / "0000a.png").write_bytes(b"")
    (folder / "notes.txt").write_text("these are my pictures, all of them")
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match=r"2 of 4 file\(s\) have no answer; they are listed above") as raised:
        call_command("classify", "pets", str(folder), "--json", str(tmp_path / "out"), stdout=out, stderr=err)
    assert raised.value.returncode == 1
    states = [json.loads(line)["state"] for line in (tmp_path / "out").read_text().splitlines()]
    assert states == ["done", "refused", "done", "refused"]
    assert "0000a.png: This file is empty." in err.getvalue()


def test_an_interrupted_batch_goes_on_and_its_output_is_whole(
    tmp_path: Path, pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_pictures(tmp_path / "p", 70)
    pauses = iter([False, True])

    def interrupted_pause(seconds: float) -> None:
        if next(pauses):
            raise KeyboardInterrupt
        answer_waiting(pets)

    with monkeypatch.context() as patch:
        patch.setattr("classifier.batch_running.sleep", interrupted_pause)
        with pytest.raises(CommandError, match=r"Stopped after 32 of 70 files. The same command goes on") as raised:
            run("pets", folder, "--limit-waiting", "32", "--csv", tmp_path / "out.csv")
    assert raised.value.returncode == 130
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 32

    _, err = run("pets", folder, "--limit-waiting", "32", "--csv", tmp_path / "out.csv")
    assert "64 of 70 files were sent" in err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 70
    assert Image.objects.count() == Prediction.objects.count() == 70


def test_files_that_went_or_came_meanwhile_change_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_pictures(tmp_path / "p", 3)
    with monkeypatch.context() as patch:
        patch.setattr(classify, "run_batch", _interrupt)
        with pytest.raises(CommandError, match="Stopped after 0 of 3"):
            run("pets", folder)
    (folder / "0001.png").unlink()
    write_pictures(folder / "new", 1, first_seed=50)
    with pytest.raises(CommandError, match=r"1 of 3 file\(s\) have no answer"):
        run("pets", folder)
    assert list(BatchItem.objects.values_list("refusal_code", flat=True)) == ["", "not_found", ""]


def _interrupt(**options: Any) -> None:
    raise KeyboardInterrupt


def test_restart_lists_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_pictures(tmp_path / "p", 2)
    with monkeypatch.context() as patch:
        patch.setattr(classify, "run_batch", _interrupt)
        with pytest.raises(CommandError, match="Stopped"):
            run("pets", folder)
    write_pictures(folder / "new", 1, first_seed=50)
    out, _ = run("pets", folder, "--restart")
    assert len(out.splitlines()) == 3
    assert BatchJob.objects.filter(state="running").count() == 0


def test_a_second_run_stores_and_asks_nothing_again(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 3)
    first, _ = run("pets", folder)
    second, _ = run("pets", folder)
    assert first == second
    assert (Image.objects.count(), Prediction.objects.count(), BatchJob.objects.count()) == (3, 3, 2)


def test_a_prefix_of_the_storage_is_read_like_a_folder(pets: Classifier) -> None:
    for seed in (2, 1):
        write_verified(f"incoming/cats/{seed}.png", png_bytes(seed))
    out, _ = run("pets", "storage://incoming/cats")
    assert out.splitlines() == [f"storage://incoming/cats/{seed}.png: cat (90.0%)" for seed in (1, 2)]


def test_a_named_version_answers(tmp_path: Path, pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    make_version(pets, "2" * 64)
    asked: list[int] = []

    def note(seconds: float) -> None:
        asked.extend(Prediction.objects.values_list("wished_version__number", flat=True))
        answer_waiting(pets)

    monkeypatch.setattr("classifier.batch_running.sleep", note)
    run("pets", write_pictures(tmp_path / "p", 1), "--model", "2")
    assert asked == [2]


def test_a_batch_in_living_hands_is_left_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_pictures(tmp_path / "p", 1)
    with monkeypatch.context() as patch:
        patch.setattr(classify, "run_batch", _interrupt)
        with pytest.raises(CommandError, match="Stopped"):
            run("pets", folder)
    job = BatchJob.objects.get()
    theirs = claim_batch(batch_id=job.id, worker="elsewhere")
    assert theirs
    monkeypatch.setattr("classifier.batch_running.sleep", lambda seconds: keep_batch(theirs))
    with pytest.raises(CommandError, match="Another process is working on this batch"):
        run("pets", folder)


def test_it_says_that_no_worker_runs_and_waits(
    tmp_path: Path, pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_running, "QUIET_SECONDS", 0.0)
    pauses = iter(range(5))

    def late(seconds: float) -> None:
        if next(pauses) == 4:
            answer_waiting(pets)

    monkeypatch.setattr("classifier.batch_running.sleep", late)
    out, err = run("pets", write_pictures(tmp_path / "p", 1))
    assert err.count("No gpu worker is running") == 1
    assert "cat" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody", "{folder}"], "nobody"),
        (["pets", "{folder}/gone"], "neither a folder nor a file"),
        (["pets", "{folder}/empty"], "There is no file in these places"),
        (["pets", "{folder}", "--model", "7"], "has no version 7"),
        (["pets", "{folder}/0000.png", "--json", "{folder}/0000.png"], "is one of the pictures"),
        (["pets", "{folder}", "--limit-waiting", "0"], "not a number above 0"),
        (["pets", "ftp://host/pictures"], "PATH must begin with"),
        (["pets", "{folder}", "--csv", "/nowhere/out.csv"], "cannot be written"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(words: list[str], sentence: str, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 1)
    (folder / "empty").mkdir()
    with pytest.raises(CommandError, match=sentence):
        run(*[word.format(folder=folder) for word in words])
    assert Image.objects.count() == 0
