"""Datasets in object storage: fetched whole and checked, found by name, their orphans removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.classifiers import create_classifier
from classifier.dataset_leftovers import forget_cached_datasets, remove_orphan_datasets
from classifier.datasets import (
    DatasetDamaged,
    PackedDataset,
    add_dataset,
    fetch_dataset,
    find_dataset,
    name_of_new_dataset,
)
from classifier.errors import Conflict, NotFound, Refused
from classifier.models import Dataset
from classifier.object_storage import delete_object, list_objects, write_verified

pytestmark = pytest.mark.django_db


def add(tmp_path: Path, name: str = "pets", *, slug: str = "pets", digest: str = "d" * 64) -> Dataset:
    folder = tmp_path / f"{slug}-{name}-{digest[:1]}"
    folder.mkdir(exist_ok=True)
    (folder / "index.json").write_text("{}")
    (folder / "shard-00000.npz").write_bytes(b"pictures")
    packed = PackedDataset(folder, digest, ["a", "b"], {"train": {"a": 1, "b": 1}}, 2, False, [])
    return add_dataset(classifier_slug=slug, name=name, packed=packed)[0]


def test_a_dataset_is_fetched_whole(tmp_path: Path) -> None:
    folder = fetch_dataset(add(tmp_path), tmp_path / "cache")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "index.json": b"{}",
        "shard-00000.npz": b"pictures",
    }


def test_a_damaged_copy_is_fetched_again(tmp_path: Path) -> None:
    dataset = add(tmp_path)
    folder = fetch_dataset(dataset, tmp_path / "cache")
    (folder / "shard-00000.npz").write_bytes(b"pictureX")
    assert (fetch_dataset(dataset, tmp_path / "cache") / "shard-00000.npz").read_bytes() == b"pictures"


def test_a_whole_copy_needs_no_storage(tmp_path: Path) -> None:
    dataset = add(tmp_path)
    fetch_dataset(dataset, tmp_path / "cache")
    for entry in dataset.shards:
        delete_object(entry["key"])
    assert (fetch_dataset(dataset, tmp_path / "cache") / "index.json").exists()


def test_a_missing_object_is_named(tmp_path: Path) -> None:
    dataset = add(tmp_path)
    delete_object(dataset.shards[0]["key"])
    with pytest.raises(DatasetDamaged, match="missing"):
        fetch_dataset(dataset, tmp_path / "cache")


def test_an_altered_object_is_never_kept(tmp_path: Path) -> None:
    dataset = add(tmp_path)
    write_verified(dataset.shards[1]["key"], b"pictureX")
    with pytest.raises(DatasetDamaged, match="altered"):
        fetch_dataset(dataset, tmp_path / "cache")
    assert not (tmp_path / "cache" / dataset.id.hex / "shard-00000.npz").exists()


def test_files_without_a_row_are_removed_when_they_are_old(tmp_path: Path) -> None:
    dataset = add(tmp_path)
    write_verified(f"datasets/{'0' * 32}/shard-00000.npz", b"left by a killed import")
    assert remove_orphan_datasets() == 0
    assert remove_orphan_datasets(older_than_seconds=0) == 1
    assert [found.key for found in list_objects("datasets/")] == [entry["key"] for entry in dataset.shards]


def test_a_dataset_is_found_by_name_and_by_id(tmp_path: Path) -> None:
    dataset = add(tmp_path)
    assert find_dataset(classifier=None, name="pets") == dataset
    assert find_dataset(classifier=None, name=str(dataset.id)) == dataset


def test_an_unknown_dataset_is_said(tmp_path: Path) -> None:
    add(tmp_path)
    with pytest.raises(NotFound):
        find_dataset(classifier=create_classifier(slug="other"), name="pets")


def test_a_name_that_two_classifiers_use_needs_the_classifier_or_an_id(tmp_path: Path) -> None:
    first = add(tmp_path)
    second = add(tmp_path, slug="other")
    with pytest.raises(Conflict):
        find_dataset(classifier=None, name="pets")
    assert find_dataset(classifier=second.classifier, name="pets") == second
    assert find_dataset(classifier=first.classifier, name="pets") == first


def test_a_lost_race_for_a_name_removes_its_own_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path)
    before = [found.key for found in list_objects("datasets/")]
    monkeypatch.setattr("classifier.datasets.refuse_taken_name", lambda **names: None)
    with pytest.raises(Conflict):
        add(tmp_path, digest="e" * 64)
    assert [found.key for found in list_objects("datasets/")] == before


def test_a_lost_race_for_the_same_pictures_gives_the_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    winner = add(tmp_path)
    answers = iter([None, winner])
    monkeypatch.setattr("classifier.datasets.find_equal", lambda **names: next(answers))
    assert add(tmp_path, name="other") == winner


def test_the_cache_forgets_datasets_without_a_row(tmp_path: Path) -> None:
    dataset = add(tmp_path)
    folder = fetch_dataset(dataset, tmp_path / "cache")
    dataset.delete()
    forget_cached_datasets(tmp_path / "cache")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "x" * 121])
def test_an_unusable_name_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        name_of_new_dataset(name=name, classifier_slug="pets")


def test_a_name_without_letters_needs_a_classifier() -> None:
    with pytest.raises(Refused, match="--classifier"):
        name_of_new_dataset(name="🐱", classifier_slug=None)
    assert name_of_new_dataset(name="🐱", classifier_slug="Cats") == ("🐱", "cats")
