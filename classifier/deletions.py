"""Deleting images everywhere: the record and the removal of all rows in one transaction, then the stored objects.

What takes longer (datasets, evaluation packs) is carried on by a worker: see deletion_work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.storage.filesystem import FileSystemStorage
from django.db import DatabaseError
from django.db.models import CASCADE, Count

from classifier.derivatives import derivative_prefix
from classifier.doorbell import ring_by_name
from classifier.errors import NotFound, StorageUnavailable
from classifier.failpoints import failpoint
from classifier.models import Deletion, Image, Prediction, TrainingExample
from classifier.object_storage import delete_object, list_objects
from classifier.write_transactions import surely_rolled_back, write_transaction

logger = structlog.get_logger(__name__)

TASK: Final = "tasks.deletions.run"
SLICE: Final = 500
"""Images in one transaction: 50 ms of the database's time."""
_ATTEMPTS: Final = 4
_PARALLEL_DELETES: Final = 8


@dataclass(frozen=True, slots=True)
class Asker:
    """Who or what wants the images gone. `user` only for people who were logged in."""

    kind: Deletion.Asker
    user: User | None = None

    @property
    def reaches_datasets(self) -> bool:
        """Whether datasets that hold the same picture give it up.

        Not for retention: what was imported on purpose does not age. For visitors as the site decides: whoever sends a
        known picture and deletes it again would take it out of the training data.
        """
        if self.kind == Deletion.Asker.VISITOR:
            return bool(settings.VISITOR_DELETIONS_REACH_DATASETS)
        return self.kind != Deletion.Asker.RETENTION


@dataclass(frozen=True, slots=True)
class StoredTraces:
    """Where a deleted image's objects lie."""

    image_id: UUID
    storage_key: str


def delete_image(*, image: Image, asked_by: Asker, reason: str = "") -> Deletion:
    """Rows at once, the stored file where the store can be reached, all else by a worker within a minute.

    A prediction that is under way ends in nothing. Raises NotFound where somebody else was faster.
    """
    records = delete_rows(image_ids=[image.id], asked_by=asked_by, reason=reason)
    if not records:
        raise NotFound("This picture was deleted already.")
    try:
        remove_objects([StoredTraces(record.image, record.storage_key) for record in records])
    except StorageUnavailable:
        logger.warning("deleted_objects_left", image=str(image.id))  # the record is pending: a worker tries again
    ring_by_name(TASK, [])
    return records[0]


def delete_images(*, image_ids: Sequence[UUID], asked_by: Asker, reason: str = "") -> int:
    """Any number of images, a slice in a transaction; a worker removes the objects. Returns how many there were."""
    slices = (image_ids[start : start + SLICE] for start in range(0, len(image_ids), SLICE))
    deleted = sum(len(delete_rows(image_ids=part, asked_by=asked_by, reason=reason)) for part in slices)
    if deleted:
        ring_by_name(TASK, [])
    return deleted


def delete_rows(*, image_ids: Sequence[UUID], asked_by: Asker, reason: str) -> list[Deletion]:
    """One transaction: a pending record for each image, then its rows of every kind. Rings nobody.

    Images that are gone already are passed over. Raises DatabaseError.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with write_transaction():
                records = _replace_by_records(sorted(image_ids), asked_by, reason)
                failpoint("deletion-before-commit")
        except DatabaseError as problem:
            # Somebody wrote an answer or a review at the same moment: look again at what there is.
            if attempt + 1 == _ATTEMPTS or not surely_rolled_back(problem):
                raise
        else:
            failpoint("deletion-after-commit")
            return records
    raise AssertionError("unreachable")


def remove_objects(traces: Sequence[StoredTraces]) -> None:
    """The stored files and all that was made of them; gone ones are fine. Raises StorageUnavailable."""
    if isinstance(default_storage, FileSystemStorage) or len(traces) == 1:
        for trace in traces:
            _remove_traces(trace)
        return
    with ThreadPoolExecutor(_PARALLEL_DELETES, thread_name_prefix="object-deleter") as pool:
        list(pool.map(_remove_traces, traces))


def _remove_traces(trace: StoredTraces) -> None:
    for found in list(list_objects(derivative_prefix(trace.image_id))):
        delete_object(found.key)
    delete_object(trace.storage_key)


def _replace_by_records(ids: Sequence[UUID], asked_by: Asker, reason: str) -> list[Deletion]:
    # Workers lock predictions, then images: the same order here, so that neither waits for the other in a circle.
    list(Prediction.objects.select_for_update().filter(image__in=ids).order_by("id").values_list("id", flat=True))
    rows = Image.objects.select_for_update(of=("self",)).filter(id__in=ids).select_related("classifier")
    images = list(rows.order_by("id"))
    if not images:
        return []
    removed, seen = _count_rows(ids), _list_trainings(ids)
    records = [
        Deletion(
            image=image.id,
            classifier_slug=image.classifier.slug,
            sha256=image.sha256,
            content=image.content,
            storage_key=image.storage_key,
            asker=asked_by.kind,
            user=asked_by.user,
            reason=reason[:300],
            reaches_datasets=asked_by.reaches_datasets,
            removed=removed[image.id],
            seen_by=seen[image.id],
        )
        for image in images
    ]
    Deletion.objects.bulk_create(records)
    Image.objects.filter(id__in=[image.id for image in images]).delete()
    return records


def _count_rows(ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """By image: how many rows of each kind go with it, whatever kinds there are."""
    removed: dict[UUID, dict[str, int]] = defaultdict(dict)
    for relation in Image._meta.related_objects:
        if relation.on_delete is not CASCADE:
            continue
        model, field = relation.related_model, relation.field.name
        assert not isinstance(model, str)
        rows = model._default_manager.filter(**{f"{field}__in": ids}).order_by()
        for image_id, count in rows.values_list(f"{field}_id").annotate(Count("pk")):
            removed[image_id][str(model._meta.model_name)] = count
    return removed


def _list_trainings(ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """By image: the training runs that took it in after a review, with the versions that came of them."""
    seen: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    examples = TrainingExample.objects.filter(image__in=ids).exclude(part=TrainingExample.Part.LEFT_OUT)
    for example in examples.select_related("training_run__classifier", "training_run__model_version").order_by("id"):
        run = example.training_run
        version = getattr(run, "model_version", None)
        seen[example.image_id].append(
            {
                "run": str(run.id),
                "version": str(version.id) if version else None,
                "number": version.number if version else None,
                "classifier": run.classifier.slug,
                "part": example.part,
                "through": "review",
            }
        )
    return seen
