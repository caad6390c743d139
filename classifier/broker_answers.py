"""Answering what came over a broker: requests whose work is done are taken under a lease, published, and marked.

The answer is stored before it is published, so whoever publishes it again publishes the same one. What can be killed
between publishing and marking is answered a second time: at least once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from classifier.broker_replies import describe_answer
from classifier.database_time import is_lease_over, moments_from_now
from classifier.identifiers import new_id
from classifier.models import BrokerRequest, EvaluationRequest, Prediction, TrainingRun
from classifier.prepared_queries import PreparedQuery
from classifier.prepared_updates import database_id, json_placeholder, update_rows
from classifier.write_transactions import write_transaction

AT_ONCE: Final = 200
Kind = BrokerRequest.Kind
_ANSWERED = (Prediction.State.DONE, Prediction.State.FAILED)
_RUN_ENDED = (TrainingRun.State.DONE, TrainingRun.State.FAILED, TrainingRun.State.CANCELLED)
_MEASURED = (EvaluationRequest.State.DONE, EvaluationRequest.State.FAILED)


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """One answer in this gateway's hands."""

    id: UUID
    message_id: str
    reply_to: str
    answer: dict[str, Any]
    waited_seconds: float


def _is_free() -> Q:
    return Q(answered_at__isnull=True) & is_lease_over()


def _is_known() -> Q:
    """Its answer is stored, its work has ended, or what it was about has been deleted."""
    predicted = Q(prediction__state__in=_ANSWERED)
    predicted |= Q(prediction__isnull=True) & Q(image__current_prediction__state__in=_ANSWERED)
    gone = Q(image__isnull=True, training_run__isnull=True, evaluation__isnull=True)
    ended = Q(training_run__state__in=_RUN_ENDED) | Q(evaluation__state__in=_MEASURED)
    return Q(answer__isnull=False) | predicted | ended | gone


# Asked many times a second while something waits.
_due = PreparedQuery(
    lambda source: (
        BrokerRequest.objects.filter(_is_free(), _is_known(), source=source).order_by("id").values_list("id")[:AT_ONCE]
    )
)


def claim_answers(*, source: str) -> tuple[str, list[HeldAnswer]]:
    """Take up to AT_ONCE requests of this source that can be answered; with the word that marks them as ours."""
    ids = [row[0] for row in _due.rows(source)]
    worker = new_id().hex
    if not ids:
        return worker, []
    found = list(_with_work(BrokerRequest.objects.filter(id__in=ids)))
    fresh = [(request.id, describe_answer(request)) for request in found if request.answer is None]
    with write_transaction():
        BrokerRequest.objects.filter(_is_free(), id__in=_lock(ids)).update(
            worker=worker, claim=F("claim") + 1, lease_until=moments_from_now(settings.GATEWAY_LEASE_SECONDS)
        )
        _store(worker, fresh)
        mine = list(_held(worker, ids).order_by("id").only("message_id", "reply_to", "answer", "received_at"))
    now = timezone.now()
    return worker, [
        HeldAnswer(row.id, row.message_id, row.reply_to, row.answer, (now - row.received_at).total_seconds())
        for row in mine
        if row.answer is not None
    ]


def mark_answered(*, worker: str, ids: Sequence[UUID]) -> int:
    """These were published. One that was asked for again meanwhile stays unanswered, and goes out once more."""
    with write_transaction():
        return _held(worker, ids).update(answered_at=Now(), worker="", lease_until=None)


def release_answers(*, worker: str, ids: Sequence[UUID], seconds: float) -> int:
    """These could not be published; whoever comes first tries again after so many seconds."""
    with write_transaction():
        return _held(worker, ids).update(worker="", lease_until=moments_from_now(seconds))


def count_unanswered(*, source: str, at_most: int) -> int:
    """How many requests of this source wait for their answer; counting stops at `at_most`."""
    waiting = BrokerRequest.objects.filter(source=source, answered_at__isnull=True).order_by("id")
    return waiting[:at_most].count()


def _held(worker: str, ids: Sequence[UUID]) -> QuerySet[BrokerRequest]:
    return BrokerRequest.objects.filter(id__in=ids, worker=worker, answered_at__isnull=True)


def _lock(ids: list[UUID]) -> list[UUID]:
    """On PostgreSQL: those that no other gateway is taking at this moment, locked in one order."""
    if not connection.features.has_select_for_update_skip_locked:
        return ids
    rows = BrokerRequest.objects.filter(id__in=ids).order_by("id").select_for_update(skip_locked=True)
    return list(rows.values_list("id", flat=True))


def _with_work(requests: QuerySet[BrokerRequest]) -> QuerySet[BrokerRequest]:
    return requests.select_related(
        "prediction",
        "image__classifier",
        "image__current_prediction",
        "training_run__classifier",
        "training_run__model_version",
        "evaluation__version__classifier",
    ).defer("training_run__log", "training_run__curves", "training_run__snapshot")


def _store(worker: str, answers: Sequence[tuple[UUID, dict[str, Any]]]) -> None:
    statement = (
        f"UPDATE {BrokerRequest._meta.db_table} SET answer = {json_placeholder()} "  # noqa: S608 - constants
        "WHERE id = %s AND worker = %s AND answered_at IS NULL AND answer IS NULL"
    )
    update_rows(
        statement,
        [(json.dumps(answer, ensure_ascii=False), database_id(identifier), worker) for identifier, answer in answers],
    )
