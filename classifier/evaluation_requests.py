"""Measuring a version again: asked for on its page, done by a train worker. Every move is one conditional UPDATE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, SmallIntegerField, When
from django.db.models.functions import Now

from classifier.database_time import moments_from_now
from classifier.doorbell import ring_by_name
from classifier.errors import Conflict, Refused
from classifier.evaluations import evaluation_event
from classifier.live_updates import live_sender
from classifier.models import Dataset, EvaluationRequest, ModelVersion
from classifier.models.evaluation_request import OPEN
from classifier.row_lookup import find_row
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

State = EvaluationRequest.State
EVALUATE_TASK: Final = "tasks.evaluation_bell.look"
QUEUE: Final = "train"
MOST_FAILURES: Final = 3
WORN_OUT: Final = "The worker stopped three times while it measured this version; it is not tried again."
UNDER_WAY: Final = "It is being measured already."
NO_PICTURES: Final = "Its classifier has no pictures to measure it on. Import some first."


@dataclass(frozen=True, slots=True)
class ClaimedEvaluation:
    """A request in this worker's hands; `claim` is the fence that every later word must carry."""

    id: UUID
    version_id: UUID
    claim: int


def why_not_measurable(version: ModelVersion) -> str | None:
    """The sentence beside a button that cannot be pressed; None where the version may be measured again."""
    if not Dataset.objects.filter(classifier_id=version.classifier_id).exists():
        return NO_PICTURES
    return UNDER_WAY if EvaluationRequest.objects.filter(OPEN, version=version).exists() else None


def request_evaluation(*, version: ModelVersion, user: User | None) -> EvaluationRequest:
    """Ask a train worker to measure the version. Raises Refused, Conflict with a sentence."""
    obstacle = why_not_measurable(version)
    if obstacle is not None:
        raise Conflict(obstacle) if obstacle == UNDER_WAY else Refused("malformed_request", obstacle)
    try:
        with write_transaction():
            request = EvaluationRequest.objects.create(version=version, user=user)
            transaction.on_commit(lambda: ring_by_name(EVALUATE_TASK, [], queue=QUEUE))
    except IntegrityError as problem:
        raise Conflict(UNDER_WAY) from problem
    return request


def find_evaluation(identifier: str) -> EvaluationRequest:
    """With its version and classifier. Raises NotFound."""
    rows = EvaluationRequest.objects.select_related("version__classifier")
    return find_row(rows, identifier, missing=f"There is no evaluation {identifier}.")


def claim_evaluation(*, worker: str) -> ClaimedEvaluation | None:
    """The request that has waited longest, or whose worker fell silent; None where there is none.

    One whose workers fell silent too often is failed here.
    """
    silent = EvaluationRequest.objects.filter(_is_silent(), failures__gte=MOST_FAILURES - 1)
    for claimed in [ClaimedEvaluation(*found) for found in silent.values_list("id", "version_id", "claim")]:
        fail_evaluation(claimed, reason=WORN_OUT)
    due = EvaluationRequest.objects.filter(_is_due()).order_by("created_at")
    for claimed in [ClaimedEvaluation(*found) for found in due.values_list("id", "version_id", "claim")]:
        with write_transaction():
            if EvaluationRequest.objects.filter(_is_due(), id=claimed.id, claim=claimed.claim).update(
                state=State.RUNNING,
                worker=worker[:120],
                claim=F("claim") + 1,
                failures=Case(
                    When(state=State.RUNNING, then=F("failures") + 1),
                    default=F("failures"),
                    output_field=SmallIntegerField(),
                ),
                lease_until=_lease(),
            ):
                return ClaimedEvaluation(claimed.id, claimed.version_id, claimed.claim + 1)
    return None


def renew_evaluation(claimed: ClaimedEvaluation) -> bool:
    """Say that the work goes on; False where the request is no longer ours, or was answered by somebody."""
    with write_transaction():
        return bool(_own_row(claimed).update(lease_until=_lease()))


def release_evaluation(claimed: ClaimedEvaluation) -> None:
    """running → waiting: this worker stops, another goes on. Counts as no failure."""
    with write_transaction():
        _own_row(claimed).update(state=State.WAITING, worker="", lease_until=None)


def fail_evaluation(claimed: ClaimedEvaluation, *, reason: str) -> bool:
    """→ failed, with the reason in words; every page hears of it. False where the request is no longer ours."""
    words = reason[:300]
    with write_transaction():
        failed = _own_row(claimed).update(state=State.FAILED, outcome=words, ended_at=Now(), lease_until=None)
        if failed:
            event = evaluation_event(claimed.version_id, State.FAILED, words)
            transaction.on_commit(lambda: live_sender.send(event))
    logger.warning("evaluation_failed", version=str(claimed.version_id), reason=words, is_ours=bool(failed))
    return bool(failed)


def newest_request(version: ModelVersion) -> EvaluationRequest | None:
    """The last time somebody asked, however it ended."""
    return EvaluationRequest.objects.filter(version=version).first()


def _is_due() -> Q:
    return Q(state=State.WAITING) | _is_silent()


def _is_silent() -> Q:
    return Q(state=State.RUNNING, lease_until__lt=Now())


def _own_row(claimed: ClaimedEvaluation) -> QuerySet[EvaluationRequest]:
    return EvaluationRequest.objects.filter(OPEN, id=claimed.id, claim=claimed.claim)


def _lease() -> object:
    return moments_from_now(settings.TRAINING_LEASE_SECONDS)
