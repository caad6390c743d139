"""A prediction in a worker's hands: find work, claim, fail, release. Every move is conditional."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Now

from classifier.database_time import moments_from_now
from classifier.failpoints import failpoint
from classifier.models import Image, Prediction
from classifier.models.prediction import NOT_ENDED, OPEN
from classifier.prepared_queries import PreparedQuery, PreparedUpdate
from classifier.write_transactions import write_transaction


@dataclass(frozen=True, slots=True)
class Work:
    """Where the next claim would come from: one classifier and the one version that must answer."""

    classifier_id: UUID
    wished_version_id: UUID | None
    version_id: UUID


@dataclass(frozen=True, slots=True)
class ClaimedPrediction:
    """One row in this worker's hands; `claim` is the fence its result must carry."""

    id: UUID
    claim: int
    image_id: UUID
    storage_key: str
    file_sha256: str
    owner: str
    failures: int
    priority: int
    queued_at: datetime
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows now in this worker's hands, and images whose prediction had to be given up on the way."""

    items: list[ClaimedPrediction]
    given_up: list[UUID]


@dataclass(frozen=True, slots=True)
class Failure:
    """What was wrong with one image."""

    code: str
    reason: str


STOPPED_WORKER = Failure("worker_stopped", "The worker stopped three times while it worked on this picture.")


def _due() -> Q:
    waiting = Q(state=Prediction.State.QUEUED) & (Q(available_at__isnull=True) | Q(available_at__lte=Now()))
    return NOT_ENDED & (waiting | Q(state=Prediction.State.CLAIMED, lease_until__lt=Now()))


def _effective_failures() -> Case:
    """A row that is still claimed although its lease ran out has one failure more than it says."""
    return Case(
        When(state=Prediction.State.CLAIMED, then=F("failures") + 1), default=F("failures"), output_field=IntegerField()
    )


def find_work(*, excluding: Collection[tuple[UUID, UUID | None]] = ()) -> Work | None:
    """The first due row by (priority, queued_at) tells what to do next. Reads only.

    `excluding` names (classifier, wished version) pairs whose model cannot be loaded just now.
    """
    rows = list(_first_due(excluding)) if excluding else _first_due_at_all.rows()
    if not rows:
        return None
    classifier_id, wished_id, live_id = rows[0]
    return Work(classifier_id, wished_id, wished_id or live_id)


def _first_due(excluding: Collection[tuple[UUID, UUID | None]] = ()) -> QuerySet[Prediction, Any]:
    rows = Prediction.objects.filter(_due()).filter(
        Q(wished_version__isnull=False) | Q(classifier__live_version__isnull=False)
    )
    for classifier_id, wished_id in excluding:
        rows = rows.exclude(classifier_id=classifier_id, wished_version_id=wished_id)
    ordered = rows.order_by("priority", "queued_at")
    return ordered.values_list("classifier_id", "wished_version_id", "classifier__live_version_id")[:1]


_first_due_at_all = PreparedQuery(_first_due)


def claim_batch(*, work: Work, worker: str, limit: int) -> Claim:
    """Claim up to `limit` due rows of this work for PREDICTION_LEASE_SECONDS.

    A row that failed before is claimed alone, so that it takes no neighbour with it; one whose lease ran out for the
    last time is failed here. No items means that others were faster.
    """
    with write_transaction():
        rows = _lock_candidates(work, limit)
        spent = [row.id for row in rows if row.failures >= settings.PREDICTION_MAX_FAILURES]
        given_up = _fail_spent(spent) if spent else []
        rows = [row for row in rows if row.failures < settings.PREDICTION_MAX_FAILURES]
        if not rows:
            return Claim([], given_up)
        chosen = rows[:1] if rows[0].failures else [row for row in rows if not row.failures]
        ids = [row.id for row in chosen]
        if _claim_for(settings.PREDICTION_LEASE_SECONDS).run(worker, ids) != len(ids):
            held = set(_rows_of_worker.rows(worker, ids))
            chosen = [row for row in chosen if (row.id, row.claim) in held]
        claim = Claim(chosen, given_up)
    failpoint("after-claim")
    return claim


def _lock_candidates(work: Work, limit: int) -> list[ClaimedPrediction]:
    """The due rows as they will be once claimed: with the next claim number and the failures that count by then."""
    rows = _candidates(limit).rows(work.classifier_id, work.wished_version_id)
    return [ClaimedPrediction(*row) for row in rows]


@lru_cache(maxsize=128)
def _candidates(limit: int) -> PreparedQuery:
    def build(classifier_id: UUID, wished_version_id: UUID | None) -> QuerySet[Prediction, Any]:
        rows: QuerySet[Prediction] = Prediction.objects.filter(
            _due(), classifier_id=classifier_id, wished_version_id=wished_version_id
        ).order_by("priority", "queued_at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        rows = rows.annotate(next_claim=F("claim") + 1, spent=_effective_failures())
        image = ("image_id", "image__storage_key", "image__file_sha256", "image__owner")
        return rows.values_list("id", "next_claim", *image, "spent", "priority", "queued_at", "request_id")[:limit]

    return PreparedQuery(build)


@lru_cache(maxsize=8)
def _claim_for(lease_seconds: float) -> PreparedUpdate:
    def build(worker: str, ids: Sequence[UUID]) -> tuple[QuerySet[Prediction], dict[str, Any]]:
        return Prediction.objects.filter(_due(), id__in=ids), {
            "failures": _effective_failures(),
            "state": Prediction.State.CLAIMED,
            "worker": worker,
            "claim": F("claim") + 1,
            "lease_until": moments_from_now(lease_seconds),
        }

    return PreparedUpdate(build)


_rows_of_worker = PreparedQuery(
    lambda worker, ids: Prediction.objects.filter(
        id__in=ids, worker=worker, state=Prediction.State.CLAIMED
    ).values_list("id", "claim")
)


def _fail_spent(ids: Sequence[UUID]) -> list[UUID]:
    Prediction.objects.filter(_due(), id__in=ids).update(
        failures=_effective_failures(),
        state=Prediction.State.FAILED,
        failure_code=STOPPED_WORKER.code,
        failure_reason=STOPPED_WORKER.reason,
        done_at=Now(),
        lease_until=None,
    )
    images = list(Prediction.objects.filter(id__in=ids).values_list("image_id", flat=True))
    Image.objects.filter(id__in=images).update(version=F("version") + 1)
    return images


def fail_predictions(failed: Sequence[tuple[ClaimedPrediction, Failure]]) -> list[UUID]:
    """These images could not be read or predicted by their own fault: count it, and fail at the last allowed time.

    Returns the image ids whose prediction is now failed for good.
    """
    given_up: list[UUID] = []
    with write_transaction():
        for item, failure in failed:
            mine = Prediction.objects.filter(id=item.id, state=Prediction.State.CLAIMED, claim=item.claim)
            final = item.failures + 1 >= settings.PREDICTION_MAX_FAILURES
            changed = mine.update(
                failures=F("failures") + 1,
                state=Prediction.State.FAILED if final else Prediction.State.QUEUED,
                failure_code=failure.code,
                failure_reason=failure.reason[:300],
                done_at=Now() if final else Value(None),
                lease_until=None,
            )
            if changed and final:
                given_up.append(item.image_id)
        Image.objects.filter(id__in=given_up).update(version=F("version") + 1)
    return given_up


def release_predictions(items: Sequence[ClaimedPrediction], *, delay_seconds: float) -> int:
    """Give rows back because of our own trouble (storage, model, shutdown): nothing is counted against the images."""
    released = 0
    with write_transaction():
        for item in items:
            released += Prediction.objects.filter(id=item.id, state=Prediction.State.CLAIMED, claim=item.claim).update(
                state=Prediction.State.QUEUED,
                lease_until=None,
                available_at=moments_from_now(delay_seconds) if delay_seconds else None,
            )
    return released


def find_answered(image_ids: Collection[str]) -> set[str]:
    """Those of the given images whose newest prediction is done or failed. One query for every 5,000."""
    ended = [Prediction.State.DONE, Prediction.State.FAILED]
    found: set[str] = set()
    rest = iter(image_ids)
    while part := list(islice(rest, 5000)):
        rows = Image.objects.filter(id__in=part, current_prediction__state__in=ended).values_list("id", flat=True)
        found.update(str(identifier) for identifier in rows)
    return found


def oldest_open_age_seconds() -> float:
    """Seconds since the oldest open row that could have been answered was queued; 0 when nothing waits."""
    answerable = Q(wished_version__isnull=False) | Q(classifier__live_version__isnull=False)
    queued = (
        Prediction.objects.filter(OPEN, answerable)
        .order_by("queued_at")
        .annotate(moment=Now())
        .values_list("queued_at", "moment")
        .first()
    )
    return 0.0 if queued is None else max(0.0, (queued[1] - queued[0]).total_seconds())
