"""What a worker carries on after a deletion: objects, datasets without the picture, evaluation packs, caches."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from classifier import dataset_rewrites, deletions
from classifier.dataset_leftovers import remove_orphan_datasets
from classifier.datasets import dataset_cache_dir, fetch_dataset
from classifier.deletion_work import claim_deletions, finish_deletions, list_versions
from classifier.deletions import Asker, delete_image
from classifier.errors import StorageUnavailable
from classifier.failpoints import FailpointReached
from classifier.model_registry import register_version
from classifier.models import Classifier, Dataset, Deletion, Image, ImportJob, ModelVersion, TrainingRun
from classifier.object_storage import list_objects, object_exists, read_object, write_verified
from classifier.training_snapshots import take_snapshot
from ml.shards import read_shards
from tasks import deleting
from tasks.dataset_contents import find_held
from tasks.deleting import carry_on_deletions
from tasks.importing import import_pictures
from tasks.picture_caches import forget_cached_pictures
from tests.dataset_makers import write_folders
from tests.row_makers import LABELS, upload

pytestmark = pytest.mark.django_db
PERSON = Asker(Deletion.Asker.USER)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> None:
    monkeypatch.setattr(deletions, "ring_by_name", lambda task, arguments: None)
    settings.VAR_DIR = tmp_path / "var"


def make_dataset(tmp_path: Path, *, seeds: int = 12, name: str = "garden") -> Dataset:
    """Pictures of seeds 0, 1, 2 … under the pets' labels."""
    half = seeds // 2
    place = write_folders(tmp_path / name, {"cat": half, "dog": seeds - half})
    return import_pictures(name=name, place=str(place), classifier_slug="pets").dataset


def contents_of(dataset: Dataset) -> set[str]:
    """Of every stored shard, read from object storage afresh."""
    folder = fetch_dataset(dataset, Path(dataset_cache_dir()).with_name("fresh"))
    return {shard.content(place) for shard in read_shards(folder) for place in range(len(shard))}


def stored_keys(dataset: Dataset) -> set[str]:
    return {found.key for found in list_objects(f"datasets/{dataset.id.hex}/")}


def delete(image: Image, *, asked_by: Asker = PERSON) -> Deletion:
    return delete_image(image=image, asked_by=asked_by)


def carry_on() -> int:
    return carry_on_deletions(worker="test")


def test_the_picture_leaves_every_dataset(pets: Classifier, tmp_path: Path) -> None:
    first, second = make_dataset(tmp_path), make_dataset(tmp_path, name="shed", seeds=8)
    image = upload(3).images[0]
    old = {first.digest, second.digest}
    record = delete(image)
    assert carry_on() == 1
    for dataset, count in ((first, 11), (second, 7)):
        dataset.refresh_from_db()
        assert image.content not in contents_of(dataset)
        assert len(contents_of(dataset)) == dataset.image_count == count
        assert dataset.digest not in old
        assert sum(sum(labels.values()) for labels in dataset.counts.values()) == count
        assert dataset.rewrites[-1]["removed"] == 1
        assert stored_keys(dataset) == {entry["key"] for entry in dataset.shards}
    record.refresh_from_db()
    assert record.state == Deletion.State.DONE
    assert {entry["name"] for entry in record.datasets} == {"garden", "shed"}
    assert {entry["before"] for entry in record.datasets} == old


def test_the_preview_shows_it_no_more(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    before = previews(dataset)
    delete(upload(3).images[0])
    carry_on()
    dataset.refresh_from_db()
    assert len(previews(dataset)) == len(before) - 1
    assert previews(dataset) < before


def previews(dataset: Dataset) -> set[str]:
    [key] = [entry["key"] for entry in dataset.shards if entry["key"].endswith("/preview.zip")]
    with zipfile.ZipFile(io.BytesIO(read_object(key))) as archive:
        return {hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def test_old_runs_that_had_the_dataset_are_named_in_the_record(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    snapshot = take_snapshot(classifier=pets)
    run = TrainingRun.objects.create(
        classifier=pets, state=TrainingRun.State.DONE, snapshot=snapshot.description, fingerprint=snapshot.fingerprint
    )
    version = register_version(
        classifier=pets, digest="2" * 64, manifest={"labels": LABELS}, metrics={}, training_run=run
    )
    record = delete(upload(3).images[0])
    carry_on()
    record.refresh_from_db()
    [seen] = record.seen_by
    assert (seen["run"], seen["number"], seen["through"]) == (str(run.id), version.number, "dataset garden")
    assert seen["part"] in {"train", "validation", "holdout"}
    assert list_versions(record) == [version]
    run.refresh_from_db()
    dataset.refresh_from_db()
    assert run.snapshot["datasets"][0]["digest"] == record.datasets[0]["before"] != dataset.digest


def test_retention_leaves_datasets_alone(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    delete(upload(3).images[0], asked_by=Asker(Deletion.Asker.RETENTION))
    assert carry_on() == 1
    assert Dataset.objects.get(id=dataset.id).digest == dataset.digest


def test_two_datasets_that_become_equal_keep_digests_of_their_own(pets: Classifier, tmp_path: Path) -> None:
    larger = make_dataset(tmp_path)
    delete(upload(3).images[0])
    carry_on()
    larger.refresh_from_db()
    place = write_folders(tmp_path / "again", {"cat": 6, "dog": 6})
    twin = import_pictures(name="again", place=str(place), classifier_slug="pets").dataset
    delete(upload(3).images[0])
    assert carry_on() == 1
    twin.refresh_from_db()
    assert twin.digest != larger.digest
    assert contents_of(twin) == contents_of(larger)


def test_a_dataset_may_lose_its_last_picture(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, seeds=2)
    for seed in (0, 1):
        delete(upload(seed).images[0])
    assert carry_on() == 2
    dataset.refresh_from_db()
    assert (dataset.image_count, contents_of(dataset)) == (0, set())
    assert find_held(dataset, ["ab" * 32]) == set()


@pytest.mark.parametrize("place", ["after-rewrite-stored", "after-rewrite-switched"])
def test_a_crash_in_the_middle_of_a_rewrite_is_made_good(
    pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    dataset = make_dataset(tmp_path)
    image = upload(3).images[0]
    record = delete(image)
    with monkeypatch.context() as patch:
        patch.setattr(dataset_rewrites, "failpoint", lambda name: stop_at(name, place))
        with pytest.raises(FailpointReached):
            carry_on()
    dataset.refresh_from_db()
    assert all(object_exists(entry["key"]) for entry in dataset.shards)
    assert carry_on() == 1
    dataset.refresh_from_db()
    record.refresh_from_db()
    assert image.content not in contents_of(dataset)
    assert [entry["name"] for entry in record.datasets] == ["garden"]
    remove_orphan_datasets(older_than_seconds=0)
    assert stored_keys(dataset) == {entry["key"] for entry in dataset.shards}


def stop_at(name: str, place: str) -> None:
    if name == place:
        raise FailpointReached(name)


@pytest.mark.parametrize("place", ["deletion-objects-removed", "deletion-before-done"])
def test_a_crash_while_carrying_on_is_made_good(
    pets: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    make_dataset(tmp_path)
    record = delete(upload(3).images[0])
    with monkeypatch.context() as patch:
        patch.setattr(deleting, "failpoint", lambda name: stop_at(name, place))
        with pytest.raises(FailpointReached):
            carry_on()
    record.refresh_from_db()
    assert record.state == Deletion.State.PENDING
    assert carry_on() == 1
    record.refresh_from_db()
    assert (record.state, len(record.datasets)) == (Deletion.State.DONE, 1)


def test_the_object_left_by_a_crash_after_the_commit_is_removed(pets: Classifier) -> None:
    image = upload(1).images[0]
    deletions.delete_rows(image_ids=[image.id], asked_by=PERSON, reason="")
    assert object_exists(image.storage_key)
    assert carry_on() == 1
    assert not object_exists(image.storage_key)


def test_a_store_that_is_away_postpones_with_a_reason(
    pets: Classifier, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    deletions.delete_rows(image_ids=[upload(1).images[0].id], asked_by=PERSON, reason="")

    def away(traces: object) -> None:
        raise StorageUnavailable("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(deleting, "remove_objects", away)
        assert carry_on() == 0
    record = Deletion.objects.get()
    assert (record.state, record.trouble) == (Deletion.State.PENDING, "The store is away.")
    assert carry_on() == 0  # not before its time
    Deletion.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert carry_on() == 1


def test_a_dataset_that_lost_a_file_keeps_the_deletion_pending(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    record = delete(upload(3).images[0])
    [key] = [entry["key"] for entry in dataset.shards if entry["key"].endswith(".npz")]
    write_verified(key, b"altered")
    (dataset_cache_dir() / dataset.id.hex / "shard-00000.npz").unlink()
    assert carry_on() == 0
    record.refresh_from_db()
    assert record.state == Deletion.State.PENDING
    assert "was altered" in record.trouble


def test_an_import_that_began_before_is_waited_for(pets: Classifier, tmp_path: Path) -> None:
    job = ImportJob.objects.create(classifier_slug="pets", name="garden", state=ImportJob.State.RUNNING)
    record = delete(upload(3).images[0])
    assert carry_on() == 0
    dataset = make_dataset(tmp_path)
    ImportJob.objects.filter(id=job.id).update(state=ImportJob.State.DONE)
    Deletion.objects.update(lease_until=None)
    assert carry_on() == 1
    record.refresh_from_db()
    assert [entry["name"] for entry in record.datasets] == ["garden"]
    assert Dataset.objects.get(id=dataset.id).image_count == 11


def test_two_workers_never_hold_the_same_deletion(pets: Classifier) -> None:
    delete(upload(1).images[0])
    [mine] = claim_deletions(worker="one")
    assert claim_deletions(worker="two") == []
    Deletion.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    [theirs] = claim_deletions(worker="two")
    assert finish_deletions([mine]) == 0
    assert finish_deletions([theirs]) == 1


def pack_of(version: ModelVersion, contents: dict[str, list[str]]) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for folder, members in contents.items():
            for number, content in enumerate(members):
                archive.writestr(f"{folder}/{number}.png", f"thumbnail of {content}")
        facts = {folder: [{"content": member} for member in members] for folder, members in contents.items()}
        archive.writestr("cells.json", json.dumps(facts))
    key = f"evaluations/{version.id.hex}/0/cells.zip"
    write_verified(key, out.getvalue())
    ModelVersion.objects.filter(id=version.id).update(evaluation={"accuracy": 0.5, "pack": key})


def test_evaluations_show_the_picture_no_more(pets: Classifier, tmp_path: Path) -> None:
    make_dataset(tmp_path)
    image = upload(3).images[0]
    version = ModelVersion.objects.get()
    pack_of(version, {"0/1": ["aa", image.content, "bb"], "1/1": [image.content]})
    old_key = ModelVersion.objects.get().evaluation["pack"]
    delete(image)
    assert carry_on() == 1
    version.refresh_from_db()
    assert version.evaluation["accuracy"] == 0.5
    assert not object_exists(old_key)
    with zipfile.ZipFile(io.BytesIO(read_object(version.evaluation["pack"]))) as archive:
        assert archive.read("0/1/1.png") == b"thumbnail of bb"
        assert set(archive.namelist()) == {"0/1/0.png", "0/1/1.png", "cells.json"}
        assert image.content not in archive.read("cells.json").decode()


def test_this_machine_keeps_no_copy(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    image = upload(3).images[0]
    features = tmp_path / "var" / "features" / "space" / "0.npz"
    features.parent.mkdir(parents=True)
    features.write_bytes(b"features")
    snapshot = take_snapshot(classifier=pets)
    TrainingRun.objects.create(classifier=pets, state=TrainingRun.State.DONE, snapshot=snapshot.description)
    raw = bytes.fromhex(image.content)
    assert holders(tmp_path / "var", raw)
    delete(image)
    carry_on()
    dataset.refresh_from_db()
    assert not features.exists()
    assert not holders(tmp_path / "var", raw)
    assert dataset.image_count == 11


def holders(folder: Path, raw: bytes) -> list[str]:
    """Files below the folder that hold these bytes, as shards and lists of contents hold them."""
    return [path.name for path in folder.rglob("*") if path.is_file() and raw in path.read_bytes()]


def test_a_running_training_keeps_the_files_that_it_reads(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    folder = fetch_dataset(dataset, dataset_cache_dir())
    run = TrainingRun.objects.create(classifier=pets, state=TrainingRun.State.RUNNING)
    delete(upload(3).images[0])
    carry_on()
    assert (folder / "shard-00000.npz").exists()
    TrainingRun.objects.filter(id=run.id).update(state=TrainingRun.State.DONE)
    forget_cached_pictures()
    assert not (folder / "shard-00000.npz").exists()


def test_a_reader_with_an_old_row_gets_the_dataset_as_it_is_now(pets: Classifier, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    stale = Dataset.objects.get(id=dataset.id)
    delete(upload(3).images[0])
    carry_on()
    folder = fetch_dataset(stale, tmp_path / "elsewhere")
    assert sum(len(shard) for shard in read_shards(folder)) == 11
