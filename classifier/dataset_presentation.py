"""How datasets and imports look to programs."""

from __future__ import annotations

from typing import Any, Final

from classifier.models import Dataset, ImportJob
from classifier.presentation import write_moment

REJECTED_SHOWN: Final = 200
LISTED: Final = ("shards", "labels", "counts", "rejected", "rewrites")
"""What a list need not read."""


def list_dataset(dataset: Dataset) -> dict[str, Any]:
    """One line of a list; reads the dataset's classifier, and nothing of LISTED."""
    return {
        "id": str(dataset.id),
        "name": dataset.name,
        "classifier": dataset.classifier.slug,
        "digest": dataset.digest,
        "image_count": dataset.image_count,
        "rejected_count": dataset.rejected_count,
        "created_at": write_moment(dataset.created_at),
    }


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """All of it; of the files that gave no picture the first."""
    return {
        **list_dataset(dataset),
        "labels": dataset.labels,
        "counts": dataset.counts,
        "has_test_split": dataset.has_test_split,
        "size_bytes": sum(int(entry["size_bytes"]) for entry in dataset.shards),
        "rejected": [{"name": entry["name"], "reason": entry["reason"]} for entry in dataset.rejected[:REJECTED_SHOWN]],
        "rewritten_at": [str(entry["at"]) for entry in dataset.rewrites],
    }


def describe_import_job(job: ImportJob) -> dict[str, Any]:
    """An import and how far it is."""
    return {
        "id": str(job.id),
        "classifier": job.classifier_slug,
        "name": job.name,
        "state": job.state,
        "done": job.done_count,
        "total": job.total_count,
        "outcome": job.outcome,
        "dataset": str(job.dataset_id) if job.dataset_id else None,
        "created_at": write_moment(job.created_at),
        "ended_at": write_moment(job.ended_at),
    }
