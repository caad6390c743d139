"""A snapshot freezes which datasets and labels a run learns from."""

from __future__ import annotations

import pytest

from classifier.classifiers import create_classifier
from classifier.errors import NotFound, Refused
from classifier.models import Classifier, Dataset
from classifier.training_snapshots import datasets_of_snapshot, take_snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def pets() -> Classifier:
    return create_classifier(slug="pets", labels=["cat", "dog", "bird"])


def add(classifier: Classifier, name: str, *, labels: tuple[str, ...] = ("dog", "cat")) -> Dataset:
    return Dataset.objects.create(
        classifier=classifier, name=name, digest=name * 8, labels=list(labels), image_count=10
    )


def test_all_datasets_are_taken_with_the_classifiers_label_order(pets: Classifier) -> None:
    add(pets, "one")
    add(pets, "two")
    snapshot = take_snapshot(classifier=pets)
    assert {dataset.name for dataset in snapshot.datasets} == {"one", "two"}
    assert snapshot.labels == ["cat", "dog"]


def test_named_datasets_are_taken_alone_and_once(pets: Classifier) -> None:
    add(pets, "one")
    add(pets, "two")
    assert [dataset.name for dataset in take_snapshot(classifier=pets, dataset_names=["two", "two"]).datasets] == [
        "two"
    ]


def test_the_fingerprint_follows_the_data_and_not_the_order_or_names(pets: Classifier) -> None:
    add(pets, "one")
    add(pets, "two")
    both = take_snapshot(classifier=pets, dataset_names=["one", "two"]).fingerprint
    assert take_snapshot(classifier=pets, dataset_names=["two", "one"]).fingerprint == both
    assert take_snapshot(classifier=pets, dataset_names=["one"]).fingerprint != both
    Dataset.objects.filter(name="two").update(name="renamed")
    assert take_snapshot(classifier=pets).fingerprint == both


def test_no_dataset_is_refused_with_the_next_step(pets: Classifier) -> None:
    with pytest.raises(Refused, match="import_images"):
        take_snapshot(classifier=pets)


def test_one_label_is_refused(pets: Classifier) -> None:
    add(pets, "one", labels=("cat",))
    with pytest.raises(Refused, match="at least two labels"):
        take_snapshot(classifier=pets)


def test_an_unknown_dataset_is_said(pets: Classifier) -> None:
    with pytest.raises(NotFound):
        take_snapshot(classifier=pets, dataset_names=["gone"])


def test_a_stored_snapshot_finds_its_datasets_again(pets: Classifier) -> None:
    add(pets, "one")
    snapshot = take_snapshot(classifier=pets)
    assert datasets_of_snapshot(snapshot.description) == snapshot.datasets
    snapshot.datasets[0].delete()
    with pytest.raises(Refused, match="deleted"):
        datasets_of_snapshot(snapshot.description)
