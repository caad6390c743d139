"""What a training run learns from: the datasets and labels as they are at one moment, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from classifier.datasets import find_dataset
from classifier.errors import Refused
from classifier.models import Classifier, Dataset
from classifier.reviewed_examples import ReviewedExample, settled_examples


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Frozen: `description` is what the run's row stores, `fingerprint` stands for data and label order."""

    datasets: list[Dataset]
    reviewed: list[ReviewedExample]
    labels: list[str]
    description: dict[str, Any]
    fingerprint: str


def take_snapshot(*, classifier: Classifier, dataset_names: Sequence[str] = ()) -> Snapshot:
    """All datasets of the classifier, or the named ones, and all that reviewers agree on.

    Raises NotFound, Refused for too little to learn.
    """
    if dataset_names:
        found = {
            dataset.id: dataset
            for name in dataset_names
            for dataset in [find_dataset(classifier=classifier, name=name)]
        }
        datasets = sorted(found.values(), key=lambda dataset: dataset.digest)
    else:
        datasets = list(Dataset.objects.filter(classifier=classifier).order_by("digest"))
    reviewed = settled_examples(classifier)
    if not datasets and not reviewed:
        raise Refused(
            "malformed_request",
            f"Classifier {classifier.slug} has no pictures yet. Import some: manage.py import_images NAME PATH "
            f"--classifier {classifier.slug}",
        )
    present = {label for dataset in datasets for label in dataset.labels} | {each.label for each in reviewed}
    labels = [name for name in classifier.labels.values_list("name", flat=True) if name in present]
    if len(labels) < 2:
        raise Refused("malformed_request", f"Training needs at least two labels; there is only “{labels[0]}”.")
    identity = {"datasets": [dataset.digest for dataset in datasets], "reviews": _identify(reviewed), "labels": labels}
    fingerprint = digest_of(identity)
    described = [
        {"id": str(dataset.id), "name": dataset.name, "digest": dataset.digest, "images": dataset.image_count}
        for dataset in datasets
    ]
    description = {**identity, "datasets": described, "fingerprint": fingerprint}
    return Snapshot(datasets, reviewed, labels, description, fingerprint)


def _identify(reviewed: Sequence[ReviewedExample]) -> list[object]:
    """`[how many, digest of their contents and labels]`; which images they are stands in the run's example rows."""
    said = sorted({(example.content, example.label) for example in reviewed})
    return [len(said), digest_of(said)] if said else []


def datasets_of_snapshot(description: Mapping[str, Any]) -> list[Dataset]:
    """The rows a stored snapshot names. Raises Refused where one was deleted since."""
    wanted = [entry["id"] for entry in description["datasets"]]
    found = {str(dataset.id): dataset for dataset in Dataset.objects.filter(id__in=wanted)}
    if len(found) < len(wanted):
        raise Refused("malformed_request", "A dataset of this training run was deleted. Start a new run.")
    return [found[identifier] for identifier in wanted]


def digest_of(value: object) -> str:
    """SHA-256 of a JSON value, equal for equal content."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
