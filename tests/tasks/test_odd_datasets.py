"""Pictures as nobody should bring them, from import to training: each time a sentence, never a traceback."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest
from PIL import Image as Pillow

from classifier.datasets import dataset_cache_dir
from classifier.errors import StorageUnavailable, WhatsitError
from classifier.models import Classifier, Dataset, TrainingRun
from classifier.object_storage import delete_object, list_objects
from tasks.importing import ImportOutcome, import_pictures
from tasks.training_jobs import execute_run
from tasks.training_options import read_options
from tasks.training_requests import request_training
from tests.dataset_makers import write_folders, write_halves, write_idx_file
from tests.row_makers import png_bytes

pytestmark = pytest.mark.django_db
TINY = {
    "recipe": "small",
    "epochs": 1,
    "batch_size": 256,
    "shift_pixels": 0,
    "mixed_precision": "off",
    "network_settings": {"stem": 4, "widths": [8], "blocks": [1]},
}
TRAINED = re.compile(r"v1 is (live|rejected)\. v1 answers [\d,]+ of ([\d,]+) holdout pictures rightly")
Size = tuple[int, int]


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Path, rings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.MODEL_CACHE_DIR = tmp_path / "var" / "models"
    monkeypatch.setattr("classifier.training_news.live_sender.send", lambda events: None)
    # The keeper's thread would meet this test's open transaction.
    settings.TRAINING_LEASE_SECONDS = 1e6


def bring(place: Path | str, **options: Any) -> ImportOutcome:
    return import_pictures(name="odd", place=str(place), **options)


def train() -> str:
    """What stands on the run's page at its end, whichever that is; before a run is made, what the asker reads."""
    try:
        run = request_training(slug="odd", options=read_options(TINY))
    except WhatsitError as problem:
        return problem.message
    said = ""
    try:
        execute_run(run.id)
    except WhatsitError as problem:
        said = problem.message
    run.refresh_from_db()
    assert run.state == (TrainingRun.State.FAILED if said else TrainingRun.State.DONE)
    assert said in run.outcome
    return run.outcome


def refusal_of(place: Path | str, **options: Any) -> str:
    """What the person reads whose pictures were not taken; nothing of them is left."""
    with pytest.raises(WhatsitError) as caught:
        bring(place, **options)
    assert not Dataset.objects.exists()
    assert not Classifier.objects.exists()
    return caught.value.message


def write_plain(folder: Path, sizes: list[Size], *, per_label: int) -> Path:
    """Two labels with pictures of these sizes in turn, each of another colour."""
    for number, label in enumerate(("a", "b")):
        (folder / label).mkdir(parents=True)
        for place in range(per_label):
            write_one(folder / label / f"{place}.png", sizes[place % len(sizes)], (place, 100 * number, 7))
    return folder


def write_one(path: Path, size: Size, colour: tuple[int, int, int]) -> None:
    Pillow.new("RGB", size, colour).save(path, compress_level=1)


# Too little


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty" / "cats").mkdir(parents=True)
    sentence = "No labelled pictures lie there. Put them into one folder per label, as in cats/1.jpg and dogs/2.jpg."
    assert refusal_of(tmp_path / "empty") == sentence


def test_no_folder_at_all_is_not_the_folder_one_stands_in() -> None:
    assert refusal_of("") == "Name a folder, a ZIP file or a storage URL to read pictures from."


@pytest.mark.parametrize("shape", [(0, 8, 8), (4, 0, 8)])
def test_idx_files_without_a_picture(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    write_idx_file(tmp_path / "train-images-idx3-ubyte.gz", shape, b"")
    write_idx_file(tmp_path / "train-labels-idx1-ubyte.gz", shape[:1], bytes(shape[0]))
    sentence = "train-images-idx3-ubyte.gz holds no picture. Bring the whole file, or leave it out."
    assert refusal_of(tmp_path, format="idx") == sentence


def test_one_class(tmp_path: Path) -> None:
    bring(write_folders(tmp_path / "x", {"cats": 30}))
    assert train() == "Training needs at least two labels; there is only “cats”."


@pytest.mark.parametrize("labels", [2, 40])
def test_one_picture_per_class(tmp_path: Path, labels: int) -> None:
    bring(write_folders(tmp_path / "x", {f"label {number}": 1 for number in range(labels)}))
    assert train() == (
        "No picture of a label that can be learned fell to validation, which takes a tenth of all; a few more pictures "
        "of each label are needed."
    )


def test_the_same_picture_under_both_labels(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "x" / label).mkdir(parents=True)
        for number in range(20):
            (tmp_path / "x" / label / f"{number}.png").write_bytes(png_bytes(5))
    outcome = bring(tmp_path / "x")
    assert (outcome.duplicates, outcome.contradictions) == (39, 20)
    assert "a few more pictures of each label are needed" in train()


# Too much


def test_five_thousand_classes(tmp_path: Path) -> None:
    """A few with enough pictures to measure, the others with one each: four fifths of those can be learned."""
    counts = {f"label {number}": 12 if number < 100 else 1 for number in range(5000)}
    outcome = bring(write_folders(tmp_path / "x", counts))
    assert (len(outcome.dataset.labels), outcome.dataset.image_count) == (5000, 6100)
    assert TRAINED.match(train())
    log = TrainingRun.objects.get().log
    learned = re.search(r"(\d+) labels, ", log)
    assert learned is not None
    assert 3800 < int(learned[1]) < 4300


def test_pictures_of_one_pixel(tmp_path: Path) -> None:
    bring(write_plain(tmp_path / "x", [(1, 1)], per_label=60))
    assert TRAINED.match(train())


def test_pictures_of_ten_thousand_pixels_a_side(tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "x", [(10_000, 1), (1, 10_000), (10_000, 30)], per_label=60)
    write_one(folder / "a" / "square.png", (10_000, 10_000), (1, 2, 3))
    write_one(folder / "b" / "long.png", (13_000, 10), (1, 2, 3))
    outcome = bring(folder)
    assert outcome.dataset.image_count == 120
    assert {entry.reason for entry in outcome.rejected} == {
        f"This picture is {size} pixels. Make it smaller: at most 12000 on a side and 40 million in all."
        for size in ("10000 by 10000", "13000 by 10")
    }
    assert TRAINED.match(train())


# Names


def test_classes_named_with_emoji_and_what_looks_like_markup(tmp_path: Path) -> None:
    names = ["100 %", "'; DROP TABLE", "<b>bold", "{{ a }}", "con", "ünïcode", "👟 sneaker"]
    outcome = bring(write_folders(tmp_path / "x", dict.fromkeys(names, 25)))
    assert set(outcome.dataset.labels) == set(names)
    assert TRAINED.match(train())
    assert Classifier.objects.get().versions.get().labels == outcome.dataset.labels


def test_classes_named_with_slashes(tmp_path: Path) -> None:
    write_halves(tmp_path / "idx", train=200, test=40)
    (tmp_path / "labels.txt").write_text("T-shirt/top\n../../👟\n", encoding="utf-8")
    bring(tmp_path / "idx", label_file=tmp_path / "labels.txt")
    assert TRAINED.match(train())
    assert Classifier.objects.get().versions.get().labels == ["T-shirt/top", "../../👟"]


def test_two_names_too_long_for_a_label_do_not_become_one(tmp_path: Path) -> None:
    outcome = bring(write_folders(tmp_path / "x", {"y" * 120: 3, "y" * 121: 3, "z" * 200: 3}))
    assert outcome.dataset.labels == ["y" * 120]
    reasons = {entry.reason for entry in outcome.rejected}
    assert reasons == {"Its folder's name is longer than 120 characters; shorten it."}


def test_names_in_another_systems_letters_are_listed_with_a_mark(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "x", {"a": 3, "b": 3})
    (tmp_path / "x" / "a" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"no picture")
    outcome = bring(folder)
    assert Dataset.objects.get().rejected[0]["name"] == "a/caf\N{REPLACEMENT CHARACTER}.png"
    assert outcome.dataset.image_count == 6


# Damage


def test_a_corrupt_half(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "x", {"cats": 80, "dogs": 80})
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        if number % 2:
            path.write_bytes(path.read_bytes()[:-200] if number % 4 == 1 else b"")
    outcome = bring(folder)
    assert (outcome.dataset.image_count, len(outcome.rejected)) == (80, 80)
    assert {entry.reason for entry in outcome.rejected} == {
        "This file is empty. Choose the picture again.",
        "This picture is incomplete or damaged. Open it, save it again, and send the copy.",
    }
    assert TRAINED.match(train())


def test_a_pipe_among_the_pictures_holds_nobody_up(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "x", {"a": 3, "b": 3})
    os.mkfifo(folder / "a" / "pipe.png")
    (folder / "b" / "lost.png").symlink_to(tmp_path / "nowhere")
    assert {entry.name: entry.reason for entry in bring(folder).rejected} == {
        "a/pipe.png": "This file is empty. Choose the picture again.",
        "b/lost.png": "It cannot be read: No such file or directory.",
    }


# Storage and disk


def test_a_folder_that_may_not_be_read_is_no_missing_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folders(tmp_path / "x", {"a": 3, "b": 3})
    usual = os.scandir

    def refuse_b(path: Any) -> Any:
        """As the system does for anybody but root."""
        if str(path).endswith("/b"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return usual(path)

    monkeypatch.setattr(os, "scandir", refuse_b)
    assert refusal_of(folder) == f"The folder {folder / 'b'} cannot be read: Permission denied."


def test_a_storage_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("boto3", reason="needs boto3, see requirements-storage.txt")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    sentence = refusal_of("s3://bucket/pictures?endpoint=http://127.0.0.1:1&connect_timeout=1&region=x")
    assert sentence == "The storage that holds the pictures does not answer. Try again later."


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device", "shard-00000.npz")

    monkeypatch.setattr("ml.shards.ShardWriter.add", fail)
    sentence = "The import had to stop: No space left on device (shard-00000.npz). Nothing of it was kept."
    assert refusal_of(write_folders(tmp_path / "x", {"a": 3, "b": 3})) == sentence
    assert list((tmp_path / "var" / "imports").iterdir()) == []


def test_a_state_folder_that_cannot_be_written(tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path / "file"
    settings.VAR_DIR.write_text("")
    sentence = refusal_of(write_folders(tmp_path / "x", {"a": 3, "b": 3}))
    assert sentence.startswith("The import had to stop: Not a directory (")


def test_packed_pictures_that_left_the_storage(tmp_path: Path) -> None:
    bring(write_folders(tmp_path / "x", {"a": 30, "b": 30}))
    shutil.rmtree(dataset_cache_dir())
    for found in list(list_objects("datasets/")):
        delete_object(found.key)
    assert re.fullmatch(r"The packed file datasets/\S+ is missing from object storage\.", train())


def test_a_storage_that_is_away_when_the_training_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(write_folders(tmp_path / "x", {"a": 30, "b": 30}))
    shutil.rmtree(dataset_cache_dir())

    def fail(key: str) -> NoReturn:
        raise StorageUnavailable("The object storage does not answer.")

    monkeypatch.setattr("classifier.datasets.read_object", fail)
    assert train() == "The object storage does not answer."


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (MemoryError(), "The pictures do not fit into this machine's memory. Train with a smaller image_size, or on"),
        (OSError(errno.ENOSPC, "No space left on device"), "This machine cannot keep its working files: No space"),
    ],
)
def test_a_machine_too_small_for_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, sentence: str
) -> None:
    bring(write_folders(tmp_path / "x", {"a": 60, "b": 60}))

    def fail(*arguments: Any, **options: Any) -> NoReturn:
        raise trouble

    monkeypatch.setattr("tasks.trainer.load_training_data", fail)
    assert train().startswith(sentence)
