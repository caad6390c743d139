"""Datasets: packed folders of labelled pictures in object storage, and their rows.

Never edited after import, but for deletions: see dataset_rewrites.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError
from django.utils.text import slugify

from classifier.classifiers import create_classifier, ensure_labels
from classifier.dataset_layouts import RejectedFile
from classifier.errors import Conflict, NotFound, Refused, StorageUnavailable
from classifier.failpoints import failpoint
from classifier.identifiers import new_id, parse_id
from classifier.models import Classifier, Dataset
from classifier.object_storage import ObjectMissing, delete_object, list_objects, read_object, write_verified
from classifier.row_lookup import find_row
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

PREFIX: Final = "datasets/"
MOST_REJECTED_KEPT: Final = 1000
_PARTIAL: Final = ".partial-"


class DatasetDamaged(Exception):  # noqa: N818 - a state of the world, like ObjectMissing
    """A packed file of a dataset is missing from object storage or was altered there."""


@dataclass(frozen=True, slots=True)
class PackedDataset:
    """A folder of packed files and what it holds. `digest` stands for pictures, labels and test split in any order."""

    folder: Path
    digest: str
    labels: list[str]
    counts: dict[str, dict[str, int]]
    image_count: int
    has_test_split: bool
    rejected: Sequence[RejectedFile]


def name_of_new_dataset(*, name: str, classifier_slug: str | None) -> tuple[str, str]:
    """The cleaned name and slug. Raises Refused for unusable ones, Conflict where the name is taken."""
    slug = slugify(classifier_slug or name)[:60]
    cleaned = " ".join(name.split())
    if not cleaned or not cleaned.isprintable() or len(cleaned) > 120:
        raise Refused("malformed_request", "A dataset's name has 1 to 120 visible characters.")
    if not slug:
        raise Refused("malformed_request", "A classifier's name needs letters or digits. Name one with --classifier.")
    return cleaned, slug


def add_dataset(
    *, classifier_slug: str, name: str, packed: PackedDataset, classifier_name: str = ""
) -> tuple[Dataset, bool]:
    """Store the packed files, then commit row, classifier and labels together; `(dataset, whether it is new)`.

    The same pictures under the same labels are the same dataset: the existing row is returned and nothing is stored.
    Whatever fails on the way leaves no object and no row. `classifier_name` is for a new classifier.
    Raises Conflict where the name is taken by other pictures, StorageUnavailable.
    """
    if known := find_equal(classifier_slug=classifier_slug, digest=packed.digest):
        return known, False
    refuse_taken_name(classifier_slug=classifier_slug, name=name)
    identifier = new_id()
    try:
        stored = [_store_file(identifier, path) for path in sorted(packed.folder.iterdir())]
        failpoint("after-dataset-stored")
        return _commit(identifier, classifier_slug, classifier_name, name, packed, stored), True
    except BaseException as problem:
        _remove_objects(identifier)
        if isinstance(problem, IntegrityError):
            known = find_equal(classifier_slug=classifier_slug, digest=packed.digest)
            if known:
                return known, False
            raise Conflict(f"A dataset named “{name}” was made just now. Choose another name.") from problem
        raise


def find_equal(*, classifier_slug: str, digest: str) -> Dataset | None:
    """The classifier's dataset of exactly these pictures, if any."""
    return Dataset.objects.filter(classifier__slug=classifier_slug, digest=digest).first()


def find_dataset(*, classifier: Classifier | None, name: str) -> Dataset:
    """By name within the classifier (or on the whole site), or by id. Raises NotFound, Conflict for an unclear name."""
    rows = Dataset.objects.select_related("classifier")
    if classifier is not None:
        rows = rows.filter(classifier=classifier)
    identifier = parse_id(name)
    found = list(rows.filter(id=identifier) if identifier else rows.filter(name=name)[:2])
    if not found:
        raise NotFound(f"There is no dataset “{name}”.")
    if len(found) > 1:
        raise Conflict(f"Several classifiers have a dataset “{name}”. Use its id: {found[0].id} or {found[1].id}.")
    return found[0]


def find_dataset_by_id(identifier: str) -> Dataset:
    """Raises NotFound."""
    return find_row(
        Dataset.objects.select_related("classifier"), identifier, missing=f"There is no dataset {identifier}."
    )


def refuse_taken_name(*, classifier_slug: str, name: str) -> None:
    """Raises Conflict where the classifier has a dataset of this name."""
    if Dataset.objects.filter(classifier__slug=classifier_slug, name=name).exists():
        raise Conflict(f"Classifier {classifier_slug} has a dataset “{name}” already. Choose another name.")


def dataset_cache_dir() -> Path:
    """Where this machine keeps the packed files it has fetched; safe to empty."""
    return Path(settings.VAR_DIR) / "datasets"


def fetch_dataset(dataset: Dataset, cache_dir: Path, *, on_progress: Callable[[int, int], None] | None = None) -> Path:
    """The dataset's folder below `cache_dir`, its files fetched and checked one at a time where they are missing.

    Raises DatasetDamaged, StorageUnavailable. An interrupted fetch is continued by the next one; a dataset that a
    deletion has rewritten since the row was read is fetched as it is now.
    """
    try:
        return _fetch_files(dataset, cache_dir, on_progress)
    except DatasetDamaged:
        if Dataset.objects.filter(id=dataset.id, digest=dataset.digest).exists():
            raise
        dataset.refresh_from_db()
        return _fetch_files(dataset, cache_dir, on_progress)


def _fetch_files(dataset: Dataset, cache_dir: Path, on_progress: Callable[[int, int], None] | None) -> Path:
    folder = cache_dir / dataset.id.hex
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for index, entry in enumerate(dataset.shards):
        target = folder / entry["key"].rpartition("/")[2]
        if not (target.is_file() and _digest_file(target) == entry["sha256"]):
            _fetch_file(entry["key"], entry["sha256"], target)
        if on_progress:
            on_progress(index + 1, len(dataset.shards))
    return folder


def _store_file(identifier: UUID, path: Path) -> dict[str, object]:
    data = path.read_bytes()
    key = f"{PREFIX}{identifier.hex}/{path.name}"
    write_verified(key, data)
    return {"key": key, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}


def _commit(
    identifier: UUID,
    classifier_slug: str,
    classifier_name: str,
    name: str,
    packed: PackedDataset,
    stored: list[dict[str, object]],
) -> Dataset:
    with write_transaction():
        classifier = create_classifier(slug=classifier_slug, name=classifier_name, labels=packed.labels)
        ensure_labels(classifier, packed.labels)
        return Dataset.objects.create(
            id=identifier,
            classifier=classifier,
            name=name,
            digest=packed.digest,
            shards=stored,
            labels=packed.labels,
            counts=packed.counts,
            image_count=packed.image_count,
            rejected=[asdict(entry) for entry in packed.rejected[:MOST_REJECTED_KEPT]],
            rejected_count=len(packed.rejected),
            has_test_split=packed.has_test_split,
        )


def _remove_objects(identifier: UUID) -> None:
    """Undo; what cannot be removed now is an orphan that housekeeping finds."""
    try:
        for found in list(list_objects(f"{PREFIX}{identifier.hex}/")):
            delete_object(found.key)
    except StorageUnavailable:
        logger.warning("dataset_files_left", dataset=str(identifier))


def _fetch_file(key: str, sha256: str, target: Path) -> None:
    try:
        data = read_object(key)
    except ObjectMissing as problem:
        raise DatasetDamaged(f"The packed file {key} is missing from object storage.") from problem
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DatasetDamaged(f"The packed file {key} was altered in object storage.")
    side = target.with_name(f"{_PARTIAL}{target.name}")
    try:
        side.write_bytes(data)
        side.rename(target)
    except OSError as problem:
        raise StorageUnavailable(f"A dataset cannot be kept in {target.parent}: {problem.strerror}.") from problem


def _digest_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
