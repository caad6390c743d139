"""What a classifier has to learn from, in numbers and in words."""

from __future__ import annotations

import pytest

from classifier.classifiers import create_classifier
from classifier.label_counts import count_labels, count_missing, describe_imbalance, summarize_counts
from classifier.models import Dataset


def counts(**train: int) -> dict[str, dict[str, int]]:
    return {"train": train}


@pytest.mark.django_db
def test_the_pictures_of_all_datasets_are_added_by_label_and_split() -> None:
    classifier = create_classifier(slug="pets", labels=["dog", "cat", "bird"])
    Dataset.objects.create(
        classifier=classifier, name="a", digest="1", counts={"train": {"cat": 8}, "holdout": {"cat": 1}}
    )
    Dataset.objects.create(classifier=classifier, name="b", digest="2", counts={"train": {"cat": 2, "dog": 5}})
    dog, cat, bird = count_labels(classifier)
    assert (dog.name, dog.train, dog.total, dog.share) == ("dog", 5, 5, 5 / 11)
    assert (cat.train, cat.validation, cat.holdout, cat.share) == (10, 0, 1, 1.0)
    assert (bird.total, bird.share) == (0, 0.0)


@pytest.mark.parametrize(("validation", "missing"), [(0, 350), (31, 40), (34, 10), (35, 0), (200, 0)])
def test_a_label_needs_35_validation_pictures_a_tenth_of_what_is_brought(validation: int, missing: int) -> None:
    assert count_missing(validation) == missing


def test_imbalance_is_said_where_it_is_large() -> None:
    labels = summarize_counts(["cat", "dog", "bird"], [counts(cat=400, dog=100)])
    assert describe_imbalance(labels).startswith("“cat” has 4 times as many pictures as “dog”.")


@pytest.mark.parametrize("train", [{"cat": 300, "dog": 100}, {"cat": 5}, {}])
def test_nothing_is_said_where_there_is_nothing_to_say(train: dict[str, int]) -> None:
    assert describe_imbalance(summarize_counts(["cat", "dog"], [counts(**train)])) == ""
