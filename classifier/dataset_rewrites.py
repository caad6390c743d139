"""A dataset's switch to files without the deleted pictures: new objects first, the row at once, old objects after."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog
from django.utils import timezone

from classifier.datasets import PREFIX
from classifier.errors import StorageUnavailable
from classifier.failpoints import failpoint
from classifier.models import Dataset, Deletion, TrainingRun
from classifier.object_storage import delete_object, write_verified
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

_HAD_DATA: Final = (TrainingRun.State.RUNNING, TrainingRun.State.DONE)


@dataclass(frozen=True, slots=True)
class RewrittenDataset:
    """A folder of packed files and what it holds; `left_out` is content → the split it was in."""

    folder: Path
    digest: str
    counts: dict[str, dict[str, int]]
    image_count: int
    left_out: Mapping[str, str]


def switch_dataset(dataset: Dataset, rewritten: RewrittenDataset) -> bool:
    """Store what is new, point the row to it, tell every pending deletion of these pictures; then remove what is old.

    False where somebody else changed the row since it was read: nothing is left behind then. A crash leaves objects
    that no row names, never a row that names a missing one. Raises StorageUnavailable.
    """
    old = {entry["key"].rpartition("/")[2]: entry for entry in dataset.shards}
    added: list[str] = []
    try:
        shards = _store_new(dataset.id, rewritten.folder, old, added)
    except BaseException:
        _remove(added)
        raise
    failpoint("after-rewrite-stored")
    if not _switch_row(dataset, rewritten, shards):  # an error here may come after the commit: objects stay then
        _remove(added)
        return False
    failpoint("after-rewrite-switched")
    named = {entry["key"] for entry in shards}
    _remove([entry["key"] for entry in dataset.shards if entry["key"] not in named])
    logger.info("dataset_rewritten", dataset=str(dataset.id), removed=len(rewritten.left_out))
    return True


def _store_new(
    identifier: UUID, folder: Path, old: Mapping[str, dict[str, Any]], added: list[str]
) -> list[dict[str, Any]]:
    """The row's `shards`: known files keep their objects, others lie below a folder of this rewrite."""
    place = f"{PREFIX}{identifier.hex}/{secrets.token_hex(6)}"
    shards = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        known = old.get(path.name)
        if known is not None and known["sha256"] == sha256:
            shards.append(known)
            continue
        key = f"{place}/{path.name}"
        added.append(key)
        write_verified(key, data)
        shards.append({"key": key, "sha256": sha256, "size_bytes": len(data)})
    return shards


def _switch_row(dataset: Dataset, rewritten: RewrittenDataset, shards: list[dict[str, Any]]) -> bool:
    with write_transaction():
        digest = _own_digest(dataset, rewritten.digest)
        entry = {
            "at": timezone.now().isoformat(timespec="seconds"),
            "before": dataset.digest,
            "after": digest,
            "removed": len(rewritten.left_out),
        }
        changed = Dataset.objects.filter(id=dataset.id, digest=dataset.digest).update(
            shards=shards,
            digest=digest,
            counts=rewritten.counts,
            image_count=rewritten.image_count,
            rewrites=[*dataset.rewrites, entry],
        )
        if changed:
            _tell_deletions(dataset, rewritten.left_out, digest)
        return bool(changed)


def _own_digest(dataset: Dataset, digest: str) -> str:
    """Without the picture it may equal another dataset of the classifier; two rows never share a digest."""
    twin = Dataset.objects.filter(classifier_id=dataset.classifier_id, digest=digest).exclude(id=dataset.id)
    return hashlib.sha256(f"{digest} {dataset.id}".encode()).hexdigest() if twin.exists() else digest


def _tell_deletions(dataset: Dataset, left_out: Mapping[str, str], digest: str) -> None:
    slug = dataset.classifier.slug
    change = {
        "id": str(dataset.id),
        "name": dataset.name,
        "classifier": slug,
        "before": dataset.digest,
        "after": digest,
    }
    runs = _runs_with(dataset)
    pending = Deletion.objects.select_for_update().filter(done_at__isnull=True, reaches_datasets=True)
    for deletion in pending.filter(content__in=list(left_out)):
        part = left_out[deletion.content]
        seen = [{**run, "classifier": slug, "part": part, "through": f"dataset {dataset.name}"} for run in runs]
        Deletion.objects.filter(id=deletion.id).update(
            datasets=[*deletion.datasets, change], seen_by=[*deletion.seen_by, *seen]
        )


def _runs_with(dataset: Dataset) -> list[dict[str, Any]]:
    """The training runs that had the dataset as it was, with the versions that came of them."""
    runs = TrainingRun.objects.filter(classifier_id=dataset.classifier_id, state__in=_HAD_DATA).order_by("created_at")
    rows = runs.values_list("id", "snapshot", "model_version__id", "model_version__number")
    return [
        {"run": str(run_id), "version": str(version_id) if version_id else None, "number": number}
        for run_id, snapshot, version_id, number in rows.iterator(chunk_size=100)
        if any(entry.get("id") == str(dataset.id) for entry in snapshot.get("datasets", ()))
    ]


def _remove(keys: list[str]) -> None:
    """What cannot be removed now is an orphan that housekeeping finds."""
    try:
        for key in keys:
            delete_object(key)
    except StorageUnavailable:
        logger.warning("dataset_files_left", objects=len(keys))
