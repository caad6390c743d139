"""An import makes a dataset of whatever labelled pictures lie somewhere, or leaves nothing behind."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from PIL import Image as Pillow

from classifier.classifiers import create_classifier
from classifier.datasets import dataset_cache_dir, fetch_dataset
from classifier.errors import Conflict, Refused, StorageUnavailable
from classifier.image_gate import admit_picture
from classifier.models import Classifier, Dataset
from classifier.object_storage import list_objects, read_object, write_verified
from ml.shards import read_shards
from tasks.importing import import_pictures
from tests.dataset_makers import write_folders, write_idx, zip_folder
from tests.row_makers import png_bytes

pytestmark = pytest.mark.django_db
FASHION = Path("../shared/data/fashion-mnist")


@pytest.fixture(autouse=True)
def private_state(settings: pytest.FixtureRequest, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"  # type: ignore[attr-defined]


def nothing_is_left() -> bool:
    imports = settings.VAR_DIR / "imports"
    side = list(imports.iterdir()) if imports.exists() else []
    return not side and not list(list_objects("datasets/")) and not Dataset.objects.exists()


def contents_of(dataset: Dataset) -> list[str]:
    folder = fetch_dataset(dataset, dataset_cache_dir())
    return sorted(shard.content(place) for shard in read_shards(folder) for place in range(len(shard)))


def test_a_folder_per_label_becomes_a_dataset(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "pets", {"cats": 6, "dogs": 5})
    outcome = import_pictures(name="pets", place=str(folder))
    assert outcome.is_new
    assert outcome.dataset.labels == ["cats", "dogs"]
    assert outcome.dataset.image_count == 11
    assert outcome.rejected == []
    by_label = [sum(part.get(label, 0) for part in outcome.dataset.counts.values()) for label in ("cats", "dogs")]
    assert by_label == [6, 5]


def test_a_new_classifier_gets_the_labels(tmp_path: Path) -> None:
    outcome = import_pictures(name="My Pets", place=str(write_folders(tmp_path / "pets", {"cats": 1, "dogs": 1})))
    assert outcome.is_new_classifier
    classifier = Classifier.objects.get(slug="my-pets")
    assert [label.name for label in classifier.labels.all()] == ["cats", "dogs"]


def test_an_existing_classifier_gets_the_labels_it_lacks(tmp_path: Path) -> None:
    classifier = create_classifier(slug="pets", labels=["dogs"])
    folder = write_folders(tmp_path / "pets", {"cats": 1, "dogs": 1})
    outcome = import_pictures(name="more", place=str(folder), classifier_slug="pets")
    assert not outcome.is_new_classifier
    assert [label.name for label in classifier.labels.all()] == ["dogs", "cats"]


def test_pixels_are_those_of_the_upload_gate(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    picture = Pillow.new("RGBA", (200, 120), (255, 0, 0, 128))
    for label in ("cats", "dogs"):
        (folder / label).mkdir(parents=True)
        picture.save(folder / label / "1.png")
        picture.putpixel((0, 0), (0, 0, 0, 255))
    outcome = import_pictures(name="pets", place=str(folder))
    expected = [admit_picture((folder / label / "1.png").read_bytes()).content for label in ("cats", "dogs")]
    assert contents_of(outcome.dataset) == sorted(expected)


def test_an_official_test_split_becomes_the_holdout(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "set", {"train/a": 8, "train/b": 8, "test/a": 3, "test/b": 2})
    outcome = import_pictures(name="set", place=str(folder))
    assert outcome.dataset.has_test_split
    assert outcome.dataset.counts["holdout"] == {"a": 3, "b": 2}


def test_idx_files_become_a_dataset_with_numbers_as_labels(tmp_path: Path) -> None:
    write_idx(tmp_path / "idx", train=[0, 1, 2] * 5, test=[0, 1, 2])
    outcome = import_pictures(name="digits", place=str(tmp_path / "idx"))
    assert outcome.dataset.labels == ["0", "1", "2"]
    assert outcome.dataset.counts["holdout"] == {"0": 1, "1": 1, "2": 1}
    assert outcome.dataset.image_count == 18


def test_a_label_file_names_the_numbers(tmp_path: Path) -> None:
    write_idx(tmp_path / "idx", train=[0, 1] * 4)
    (tmp_path / "labels.txt").write_text("sun\nmoon\nstar\n", encoding="utf-8")
    outcome = import_pictures(name="sky", place=str(tmp_path / "idx"), label_file=tmp_path / "labels.txt")
    assert outcome.dataset.labels == ["sun", "moon", "star"]


@pytest.mark.parametrize("text", ["sun\n", "sun\nsun\n"])
def test_a_label_file_that_does_not_fit_is_refused(tmp_path: Path, text: str) -> None:
    write_idx(tmp_path / "idx", train=[0, 1] * 4)
    (tmp_path / "labels.txt").write_text(text, encoding="utf-8")
    with pytest.raises(Refused):
        import_pictures(name="sky", place=str(tmp_path / "idx"), label_file=tmp_path / "labels.txt")
    assert nothing_is_left()


def test_an_idx_file_cut_short_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "idx", train=[0, 1] * 50)
    pictures = folder / "train-images-idx3-ubyte.gz"
    pictures.write_bytes(pictures.read_bytes()[:-200])
    with pytest.raises(Refused):
        import_pictures(name="sky", place=str(folder))
    assert nothing_is_left()


@pytest.mark.skipif(not FASHION.is_dir(), reason="../shared/data/fashion-mnist is absent")
def test_the_official_files_have_their_names_and_all_pictures() -> None:
    outcome = import_pictures(name="fashion-mnist", place=str(FASHION), classifier_slug="fashion")
    assert outcome.dataset.labels[0] == "T-shirt/top"
    assert outcome.dataset.labels[9] == "Ankle boot"
    assert outcome.dataset.image_count == 70_000
    assert outcome.dataset.counts["holdout"] == dict.fromkeys(outcome.dataset.labels, 1000)


def test_a_zip_of_folders_is_read_without_unpacking(tmp_path: Path) -> None:
    archive = zip_folder(write_folders(tmp_path / "pets", {"cats": 2, "dogs": 2}), tmp_path / "pets.zip")
    assert import_pictures(name="pets", place=str(archive)).dataset.image_count == 4


def test_a_zip_of_idx_files_is_read(tmp_path: Path) -> None:
    archive = zip_folder(write_idx(tmp_path / "set" / "raw", train=[0, 1] * 4).parent, tmp_path / "set.zip")
    assert import_pictures(name="set", place=str(archive), format="zip").dataset.image_count == 8


def test_a_hostile_zip_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("cats/1.png", png_bytes(1))
        archive.writestr("../../dogs/2.png", png_bytes(2))
    with pytest.raises(Refused):
        import_pictures(name="bad", place=str(tmp_path / "bad.zip"))
    assert nothing_is_left()


def test_a_storage_prefix_is_read() -> None:
    for seed, label in enumerate(["cats", "cats", "dogs"]):
        write_verified(f"incoming/{label}/{seed}.png", png_bytes(seed))
    assert import_pictures(name="pets", place="storage://incoming").dataset.image_count == 3


def test_bad_files_are_listed_with_their_reason_and_stop_nothing(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "pets", {"cats": 2, "dogs": 2})
    (folder / "cats" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "dogs" / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("hello")
    outcome = import_pictures(name="pets", place=str(folder))
    assert outcome.dataset.image_count == 4
    assert {entry.name for entry in outcome.rejected} == {"cats/broken.jpg", "dogs/empty.png", "notes.txt"}
    assert all(entry.reason for entry in outcome.rejected)
    assert outcome.dataset.rejected_count == 3
    assert {entry["name"] for entry in outcome.dataset.rejected} == {entry.name for entry in outcome.rejected}


def test_a_folder_of_nothing_but_bad_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    (tmp_path / "pets" / "cats" / "1.jpg").write_text("no picture")
    with pytest.raises(Refused, match="None of the 1 files is a picture"):
        import_pictures(name="pets", place=str(tmp_path / "pets"))
    assert nothing_is_left()


def test_an_empty_folder_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="one folder per label"):
        import_pictures(name="pets", place=str(tmp_path))


def test_the_same_pictures_again_are_recognised_in_any_order(tmp_path: Path) -> None:
    first = import_pictures(name="pets", place=str(write_folders(tmp_path / "pets", {"cats": 3, "dogs": 3})))
    renamed = tmp_path / "renamed"
    for path in (tmp_path / "pets").rglob("*.png"):
        target = renamed / path.parent.name / f"{100 - int(path.stem)}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    before = [entry.key for entry in list_objects("datasets/")]
    again = import_pictures(name="pets-again", place=str(renamed), classifier_slug="pets")
    assert not again.is_new
    assert again.dataset == first.dataset
    assert [entry.key for entry in list_objects("datasets/")] == before


def test_the_same_pictures_under_other_labels_are_another_dataset(tmp_path: Path) -> None:
    import_pictures(name="one", place=str(write_folders(tmp_path / "a", {"x": 2, "y": 2})), classifier_slug="c")
    assert import_pictures(
        name="two", place=str(write_folders(tmp_path / "b", {"y": 2, "x": 2})), classifier_slug="c"
    ).is_new


def test_a_taken_name_is_a_conflict_and_leaves_nothing_new(tmp_path: Path) -> None:
    import_pictures(name="pets", place=str(write_folders(tmp_path / "a", {"x": 2, "y": 2})))
    before = [entry.key for entry in list_objects("datasets/")]
    with pytest.raises(Conflict, match="Choose another name"):
        import_pictures(name="pets", place=str(write_folders(tmp_path / "b", {"x": 2, "y": 2}, first_seed=50)))
    assert [entry.key for entry in list_objects("datasets/")] == before


def test_an_import_that_fails_while_storing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folders(tmp_path / "pets", {"cats": 2, "dogs": 2})
    stored: list[str] = []

    def fail_at_the_second(key: str, data: bytes) -> None:
        if stored:
            raise StorageUnavailable
        stored.append(key)
        write_verified(key, data)

    monkeypatch.setattr("classifier.datasets.write_verified", fail_at_the_second)
    with pytest.raises(StorageUnavailable):
        import_pictures(name="pets", place=str(folder))
    assert stored
    assert nothing_is_left()
    assert not Classifier.objects.exists()


def test_an_interrupted_import_leaves_nothing(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "pets", {"cats": 2, "dogs": 2})

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_pictures(name="pets", place=str(folder), on_progress=interrupt)
    assert nothing_is_left()
    assert not Classifier.objects.exists()


def test_progress_tells_every_picture(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    import_pictures(
        name="pets",
        place=str(write_folders(tmp_path / "pets", {"cats": 2, "dogs": 1})),
        on_progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_repeated_and_contradicting_pictures_are_counted(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "pets", {"cats": 2, "dogs": 2})
    (folder / "cats" / "again.png").write_bytes((folder / "cats" / "0.png").read_bytes())
    (folder / "dogs" / "cat.png").write_bytes((folder / "cats" / "1.png").read_bytes())
    outcome = import_pictures(name="pets", place=str(folder))
    assert (outcome.duplicates, outcome.contradictions) == (2, 1)


def test_the_preview_holds_pictures_of_every_label(tmp_path: Path) -> None:
    outcome = import_pictures(name="pets", place=str(write_folders(tmp_path / "pets", {"cats": 20, "dogs": 1})))
    key = next(entry["key"] for entry in outcome.dataset.shards if entry["key"].endswith("preview.zip"))
    with zipfile.ZipFile(io.BytesIO(read_object(key))) as archive:
        names = archive.namelist()
        assert Pillow.open(io.BytesIO(archive.read("1/0.png"))).size == (28, 28)
    assert len([name for name in names if name.startswith("0/")]) == 12
    assert len([name for name in names if name.startswith("1/")]) == 1


def test_labels_with_slashes_and_emoji_survive(tmp_path: Path) -> None:
    write_idx(tmp_path / "idx", train=[0, 1] * 4)
    (tmp_path / "labels.txt").write_text("T-shirt/top\n👟\n", encoding="utf-8")
    outcome = import_pictures(name="x", place=str(tmp_path / "idx"), label_file=tmp_path / "labels.txt")
    assert json.loads(json.dumps(outcome.dataset.labels)) == ["T-shirt/top", "👟"]
