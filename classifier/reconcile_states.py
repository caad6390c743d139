"""Work that should have gone on long ago: in the hands of a worker that fell silent, or in nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q

from classifier.database_time import moments_from_now
from classifier.evaluation_requests import ClaimedEvaluation, release_evaluation
from classifier.import_jobs import ClaimedImport, release_import
from classifier.models import Deletion, EvaluationRequest, ImportJob, Prediction, PromotionRequest, TrainingRun
from classifier.models.prediction import NOT_ENDED
from classifier.promotion_requests import expire_promotions
from classifier.reconciling import Finding, Search
from classifier.training_runs import SILENT, ClaimedRun, end_run
from classifier.write_transactions import write_transaction

SILENT_SECONDS: Final = 600.0
"""A lease that ran out so long ago was taken up by nobody: any worker of the queue would have, within its poll."""
DELETION_SECONDS: Final = 3600.0
_PAGE: Final = 500


def check_predictions(search: Search) -> Iterator[Finding]:
    """Claimed, and the claim is long over. `--repair` counts it as the failure that a lease's end is."""
    silent = Prediction.objects.filter(_silent_predictions()).order_by("id")
    facts = silent.values_list("id", "image_id", "worker")
    if not search.repair:
        yield from (_stuck(row) for row in facts.iterator(chunk_size=_PAGE))
        return
    while rows := list(facts[:_PAGE]):
        requeued = _requeue([row[0] for row in rows])
        yield from (_stuck(row, repaired=row[0] in requeued) for row in rows)
        if not requeued:
            return


def _stuck(row: tuple[UUID, UUID, str], *, repaired: bool = False) -> Finding:
    identifier, image_id, worker = row
    return Finding("stuck_prediction", str(identifier), f"image {image_id}, worker {worker}", repaired)


def check_runs(search: Search) -> Iterator[Finding]:
    """Trainings, imports and measurements whose lease is long over."""
    for run in TrainingRun.objects.filter(_silent(), state="running").select_related("classifier"):
        ended = search.repair and end_run(ClaimedRun(run.id, run.claim), TrainingRun.State.FAILED, SILENT)
        yield Finding("stuck_training", str(run.id), f"{run.classifier.slug}, worker {run.worker}", bool(ended))
    for job in ImportJob.objects.filter(_silent(), state="running"):
        released = search.repair and release_import(ClaimedImport(job.id, job.claim))
        yield Finding("stuck_import", str(job.id), f"“{job.name}”, worker {job.worker}", bool(released))
    for request in EvaluationRequest.objects.filter(_silent(), state="running").select_related("version__classifier"):
        if search.repair:
            release_evaluation(ClaimedEvaluation(request.id, request.version_id, request.claim))
        where = f"{request.version.classifier.slug} {request.version}, worker {request.worker}"
        yield Finding("stuck_evaluation", str(request.id), where, search.repair)


def check_promotions(search: Search) -> Iterator[Finding]:
    """Requests that wait longer than the housekeeping of a default worker would let them."""
    patience = settings.PROMOTION_WAIT_SECONDS + SILENT_SECONDS
    late = PromotionRequest.objects.filter(state="waiting", created_at__lt=moments_from_now(-patience))
    waiting = list(late.select_related("version__classifier"))
    if waiting and search.repair:
        expire_promotions()
    still = set(late.values_list("id", flat=True))
    for request in waiting:
        where = f"{request.version.classifier.slug} {request.version}"
        yield Finding("stuck_promotion", str(request.id), where, request.id not in still)


def check_deletions(search: Search) -> Iterator[Finding]:
    """Pending for more than an hour."""
    late = Deletion.objects.filter(done_at__isnull=True, requested_at__lt=moments_from_now(-DELETION_SECONDS))
    if search.repair and late.exists():
        with write_transaction():
            late.filter(Q(worker="") | _silent()).update(lease_until=None)
        before = dict(late.values_list("id", "image"))
        search.carry_on_deletions()
        left = set(late.values_list("id", flat=True))
        yield from (
            Finding("stuck_deletion", str(identifier), f"image {image}", repaired=True)
            for identifier, image in before.items()
            if identifier not in left
        )
    for identifier, image, trouble in late.order_by("id").values_list("id", "image", "trouble").iterator():
        yield Finding("stuck_deletion", str(identifier), f"image {image}. {trouble}".strip())


def _silent() -> Q:
    return Q(lease_until__lt=moments_from_now(-SILENT_SECONDS))


def _silent_predictions() -> Q:
    return NOT_ENDED & Q(state=Prediction.State.CLAIMED) & _silent()


def _requeue(identifiers: list[UUID]) -> set[UUID]:
    """claimed → queued; a worker that woke up meanwhile keeps what it has renewed or ended."""
    with write_transaction():
        Prediction.objects.filter(_silent_predictions(), id__in=identifiers).update(
            state=Prediction.State.QUEUED, lease_until=None, worker="", failures=F("failures") + 1
        )
    queued = Prediction.objects.filter(id__in=identifiers).exclude(state=Prediction.State.CLAIMED)
    return set(queued.values_list("id", flat=True))
