"""A deletion in a worker's hands: claimed, carried on, done. Every move is conditional; repeating one is harmless."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from classifier.database_time import is_lease_over, moments_from_now
from classifier.deletions import StoredTraces
from classifier.import_jobs import active_imports
from classifier.models import Deletion, ModelVersion
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

LIMIT: Final = 500
WAITS_FOR_IMPORT: Final = "An import that began before is still being packed; afterwards it is looked through."


@dataclass(frozen=True, slots=True)
class ClaimedDeletion:
    """A pending record in this worker's hands; `claim` is the fence."""

    id: UUID
    claim: int
    image_id: UUID
    storage_key: str
    content: str
    reaches_datasets: bool

    @property
    def traces(self) -> StoredTraces:
        return StoredTraces(self.image_id, self.storage_key)


def claim_deletions(*, worker: str, limit: int = LIMIT) -> list[ClaimedDeletion]:
    """Up to `limit` pending records that are in nobody's hands, the oldest first, for DELETION_LEASE_SECONDS."""
    with write_transaction():
        due: QuerySet[Deletion] = Deletion.objects.filter(_is_due()).order_by("id")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        ids = list(due.values_list("id", flat=True)[:limit])
        Deletion.objects.filter(_is_due(), id__in=ids).update(
            worker=worker[:120], claim=F("claim") + 1, lease_until=moments_from_now(settings.DELETION_LEASE_SECONDS)
        )
        mine = Deletion.objects.filter(id__in=ids, worker=worker[:120], state=Deletion.State.PENDING).order_by("id")
        facts = ("id", "claim", "image", "storage_key", "content", "reaches_datasets")
        return [ClaimedDeletion(*row) for row in mine.values_list(*facts)]


def split_by_imports(items: Sequence[ClaimedDeletion]) -> tuple[list[ClaimedDeletion], list[ClaimedDeletion]]:
    """`(those that can end, those that must wait)`: a dataset being packed may have read the picture before."""
    first = active_imports().values_list("created_at", flat=True).first()
    if first is None:
        return list(items), []
    later = set(
        Deletion.objects.filter(id__in=[i.id for i in items], requested_at__gte=first).values_list("id", flat=True)
    )
    waiting = [item for item in items if item.reaches_datasets and item.id in later]
    held = {item.id for item in waiting}
    return [item for item in items if item.id not in held], waiting


def list_shown(items: Sequence[ClaimedDeletion]) -> dict[str, set[str]]:
    """By classifier: contents of which evaluation packs may hold a thumbnail, being in a dataset or reviewed."""
    shown: dict[str, set[str]] = defaultdict(set)
    rows = Deletion.objects.filter(id__in=[item.id for item in items])
    for content, slug, datasets, seen_by in rows.values_list("content", "classifier_slug", "datasets", "seen_by"):
        for entry in datasets:
            shown[entry["classifier"]].add(content)
        if seen_by:
            shown[slug].add(content)
    return shown


def finish_deletions(items: Sequence[ClaimedDeletion]) -> int:
    """pending → done, where the record is still ours; returns how many."""
    done = 0
    with write_transaction():
        for rows in _own_rows(items):
            done += rows.update(state=Deletion.State.DONE, done_at=Now(), lease_until=None, trouble="", worker="")
    if done:
        logger.info("deletions_done", images=done)
    return done


def postpone_deletions(items: Sequence[ClaimedDeletion], *, reason: str) -> None:
    """Stay pending with the reason in words; not tried again before DELETION_RETRY_SECONDS."""
    with write_transaction():
        for rows in _own_rows(items):
            rows.update(trouble=reason[:300], worker="", lease_until=moments_from_now(settings.DELETION_RETRY_SECONDS))
    logger.warning("deletions_postponed", images=len(items), reason=reason)


def release_deletions(items: Sequence[ClaimedDeletion]) -> None:
    """This worker stops; another may go on at once."""
    with write_transaction():
        for rows in _own_rows(items):
            rows.update(worker="", lease_until=None)


def list_versions(deletion: Deletion) -> list[ModelVersion]:
    """The model versions that had seen the picture, also those registered after its deletion; the newest first."""
    runs = {entry["run"] for entry in deletion.seen_by}
    versions = ModelVersion.objects.filter(training_run__in=runs).select_related("classifier")
    return list(versions.order_by("-created_at"))


def _is_due() -> Q:
    return Q(done_at__isnull=True) & is_lease_over()


def _own_rows(items: Iterable[ClaimedDeletion]) -> list[QuerySet[Deletion, Any]]:
    """One set of rows for each claim number: nearly always one."""
    by_claim: dict[int, list[UUID]] = defaultdict(list)
    for item in items:
        by_claim[item.claim].append(item.id)
    pending = Deletion.objects.filter(state=Deletion.State.PENDING)
    return [pending.filter(id__in=ids, claim=claim) for claim, ids in by_claim.items()]
