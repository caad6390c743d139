"""The life of an import: requested on a page, claimed under a lease, ended. Every move is one conditional UPDATE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, SmallIntegerField, When
from django.db.models.functions import Coalesce, Now

from classifier.database_time import moments_from_now
from classifier.datasets import name_of_new_dataset, refuse_taken_name
from classifier.doorbell import ring_by_name
from classifier.errors import Conflict
from classifier.image_names import clean_name
from classifier.live_updates import import_events, live_sender
from classifier.models import Dataset, ImportJob
from classifier.row_lookup import find_row
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

State = ImportJob.State
TASK: Final = "tasks.import_jobs.run"
MOST_FAILURES: Final = 3
WORN_OUT: Final = "The worker stopped three times while it read these pictures; they are not tried again."


@dataclass(frozen=True, slots=True)
class ClaimedImport:
    """An import in this process' hands; `claim` is the fence that every later word must carry."""

    id: UUID
    claim: int


@dataclass(frozen=True, slots=True)
class ImportStanding:
    """What the row says to the worker that imports: go on, or stop and why."""

    is_mine: bool
    is_cancelled: bool


def request_import(
    *,
    classifier_slug: str,
    name: str,
    user: User,
    place: str = "",
    storage_key: str = "",
    file_name: str = "",
    classifier_name: str = "",
) -> ImportJob:
    """A queued import of a place or an upload. Raises Refused for unusable names, Conflict where the name is taken."""
    name, slug = name_of_new_dataset(name=name, classifier_slug=classifier_slug)
    refuse_taken_name(classifier_slug=slug, name=name)
    try:
        with write_transaction():
            job = ImportJob.objects.create(
                classifier_slug=slug,
                classifier_name=" ".join(classifier_name.split())[:120],
                name=name,
                place=place,
                storage_key=storage_key,
                file_name=file_name[:200],
                requested_by=user,
            )
            transaction.on_commit(lambda: ring_by_name(TASK, [str(job.id)]))
    except IntegrityError as problem:
        raise Conflict(f"An import named “{name}” is under way already. Wait for it, or cancel it.") from problem
    return job


def suggest_dataset_name(*, classifier_slug: str, source: str) -> str:
    """Of a place or a file, without its .zip; with a number where the classifier has a dataset or import so called."""
    last = PurePosixPath(clean_name(source.rstrip("/").partition("?")[0]))
    wish = last.stem if last.suffix.lower() == ".zip" else last.name
    base = " ".join("".join(letter if letter.isprintable() else " " for letter in wish).split())[:100] or "pictures"
    taken = set(Dataset.objects.filter(classifier__slug=classifier_slug).values_list("name", flat=True))
    taken |= set(active_imports().filter(classifier_slug=classifier_slug).values_list("name", flat=True))
    number = 1
    name = base
    while name in taken:
        number += 1
        name = f"{base} {number}"
    return name


def find_import(identifier: str) -> ImportJob:
    """Raises NotFound."""
    rows = ImportJob.objects.select_related("dataset", "requested_by")
    return find_row(rows, identifier, missing=f"There is no import {identifier}.")


def active_imports() -> QuerySet[ImportJob]:
    """Queued and running ones, the oldest first."""
    return ImportJob.objects.filter(state__in=[State.QUEUED, State.RUNNING]).order_by("created_at")


def find_due_import() -> UUID | None:
    """The import that has waited longest, or one whose worker fell silent.

    Silent ones that were cancelled meanwhile, or fell silent too often, are ended here.
    """
    silent = ImportJob.objects.filter(state=State.RUNNING, lease_until__lt=Now())
    for job_id, claim in silent.filter(cancel_requested=True).values_list("id", "claim"):
        end_import(ClaimedImport(job_id, claim), State.CANCELLED, "Cancelled.")
    for job_id, claim in silent.filter(failures__gte=MOST_FAILURES - 1).values_list("id", "claim"):
        end_import(ClaimedImport(job_id, claim), State.FAILED, WORN_OUT)
    return ImportJob.objects.filter(_is_due()).order_by("created_at").values_list("id", flat=True).first()


def claim_import(*, job_id: UUID, worker: str) -> ClaimedImport | None:
    """Queued → running, or a running one whose lease ran out into other hands; None where somebody else has it."""
    with write_transaction():
        changed = ImportJob.objects.filter(_is_due(), id=job_id, cancel_requested=False).update(
            state=State.RUNNING,
            worker=worker[:120],
            claim=F("claim") + 1,
            failures=Case(
                When(state=State.RUNNING, then=F("failures") + 1),
                default=F("failures"),
                output_field=SmallIntegerField(),
            ),
            done_count=0,
            lease_until=moments_from_now(settings.IMPORT_LEASE_SECONDS),
            started_at=Coalesce(F("started_at"), Now()),
        )
        if not changed:
            return None
        _tell(job_id)
        return ClaimedImport(job_id, ImportJob.objects.values_list("claim", flat=True).get(id=job_id))


def report_progress(job: ClaimedImport, *, done: int, total: int) -> ImportStanding:
    """Say that the worker lives and how far it is; learn whether it may go on."""
    with write_transaction():
        is_mine = bool(
            _own_row(job).update(
                done_count=done, total_count=total, lease_until=moments_from_now(settings.IMPORT_LEASE_SECONDS)
            )
        )
        if is_mine:
            _tell(job.id)
    is_cancelled = ImportJob.objects.filter(id=job.id, cancel_requested=True).exists()
    return ImportStanding(is_mine, is_cancelled)


def finish_import(job: ClaimedImport, *, dataset: Dataset, outcome: str) -> bool:
    """running → done. False where the import is no longer ours."""
    return end_import(job, State.DONE, outcome, dataset=dataset)


def fail_import(job: ClaimedImport, *, reason: str) -> bool:
    """running → failed, with the reason."""
    return end_import(job, State.FAILED, reason)


def cancel_claimed_import(job: ClaimedImport) -> bool:
    """running → cancelled: the worker has stopped."""
    return end_import(job, State.CANCELLED, "Cancelled. Nothing was kept.")


def release_import(job: ClaimedImport) -> bool:
    """running → queued: this process must stop; another one begins afresh. Counts as no failure."""
    with write_transaction():
        changed = _own_row(job).update(state=State.QUEUED, lease_until=None, worker="", done_count=0)
        if changed:
            _tell(job.id)
    return bool(changed)


def retry_import(job: ClaimedImport, *, reason: str) -> bool:
    """running → queued after trouble that may pass, or failed with the reason at the third time; False as elsewhere."""
    with write_transaction():
        changed = (
            _own_row(job)
            .filter(failures__lt=MOST_FAILURES - 1)
            .update(state=State.QUEUED, lease_until=None, worker="", done_count=0, failures=F("failures") + 1)
        )
        if changed:
            _tell(job.id)
    return bool(changed) or fail_import(job, reason=reason)


def request_cancel(job: ImportJob) -> bool:
    """A queued import is cancelled at once, a running one within a second; False where it has ended already."""
    with write_transaction():
        if ImportJob.objects.filter(id=job.id, state=State.QUEUED).update(
            state=State.CANCELLED, cancel_requested=True, outcome="Cancelled before it began.", ended_at=Now()
        ):
            _tell(job.id)
            transaction.on_commit(lambda: ring_by_name(TASK, [str(job.id)]))
            return True
        return bool(ImportJob.objects.filter(id=job.id, state=State.RUNNING).update(cancel_requested=True))


def end_import(job: ClaimedImport, state: ImportJob.State, outcome: str, *, dataset: Dataset | None = None) -> bool:
    """Into one of the final states, with the reason; tells who watches. False where the row is not (any more) ours."""
    with write_transaction():
        changed = _own_row(job).update(
            state=state, outcome=outcome[:500], dataset=dataset, ended_at=Now(), lease_until=None
        )
        if changed:
            _tell(job.id)
    logger.info("import_ended", job=str(job.id), state=str(state), outcome=outcome[:300], is_ours=bool(changed))
    return bool(changed)


def describe_import(job: ImportJob) -> dict[str, Any]:
    """The import as the page's script reads it; a live event has the same fields."""
    return {
        "type": "import",
        "job": str(job.id),
        "classifier": job.classifier_slug,
        "name": job.name,
        "state": job.state,
        "done": job.done_count,
        "total": job.total_count,
        "outcome": job.outcome,
    }


def _is_due() -> Q:
    return Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=Now())


def _own_row(job: ClaimedImport) -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(id=job.id, state=State.RUNNING, claim=job.claim)


def _tell(job_id: UUID) -> None:
    job = ImportJob.objects.get(id=job_id)
    transaction.on_commit(lambda: live_sender.send(import_events(describe_import(job))))
