"""Writing a batch's answers: one transaction, fenced, with one statement a row run in bulk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet

from classifier.audit import Finished, draw_for_audit
from classifier.database_time import now_sql
from classifier.failpoints import failpoint
from classifier.models import Image, Label, ModelVersion, Prediction
from classifier.predictions import ClaimedPrediction
from classifier.prepared_queries import PreparedQuery, PreparedUpdate
from classifier.prepared_updates import database_id, json_placeholder, update_rows
from classifier.usefulness import usefulness_of
from classifier.webhook_messages import tell_predictions
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One image's answer: calibrated scores in the version's label order (sum 1), and what follows from them."""

    item: ClaimedPrediction
    label_index: int
    confidence: float
    scores: Sequence[float]
    unsure: bool
    unfamiliar: bool


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of a batch: images with a new answer, rows dropped as repeats, rows that were no longer ours."""

    image_ids: list[UUID]
    repeats: int
    fenced: int


def _build_locked(ids: Sequence[UUID]) -> QuerySet[Prediction, Any]:
    rows = Prediction.objects.filter(id__in=ids, state="claimed").order_by("id")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update()
    return rows.values_list("id", "claim")


def _build_held(ids: Sequence[UUID]) -> QuerySet[Image, Any]:
    return Image.objects.filter(id__in=ids).order_by("id").select_for_update(no_key=True).values_list("id")


# Every batch asks these.
_locked = PreparedQuery(_build_locked)
_held = PreparedQuery(_build_held)
_answered = PreparedQuery(
    lambda version_id, image_ids: Prediction.objects.filter(
        image_id__in=image_ids, model_version_id=version_id, state="done"
    ).values_list("image_id", "id")
)
_newer = PreparedQuery(
    lambda ids: Prediction.objects.filter(
        id__in=ids, queued_at__gt=F("image__current_prediction__queued_at")
    ).values_list("image_id", "id")
)
_count_up = PreparedUpdate(lambda ids: (Image.objects.filter(id__in=ids), {"version": F("version") + 1}))


@lru_cache(maxsize=256)
def _label_ids(version_id: UUID) -> tuple[UUID, ...]:
    version = ModelVersion.objects.only("manifest", "classifier_id").get(id=version_id)
    by_name = dict(Label.objects.filter(classifier_id=version.classifier_id).values_list("name", "id"))
    return tuple(by_name[name] for name in version.labels)


def complete_batch(*, version_id: UUID, answers: Sequence[AnswerRow]) -> Completion:
    """Store the answers of the rows that are still in our hands; a row claimed by somebody else since is left alone.

    An image that this version had answered already keeps that answer, and the newcomer row is dropped.
    """
    try:
        with write_transaction():
            return _complete(version_id, answers)
    except IntegrityError:
        # Another worker wrote the same (image, version) between our look and our write: one by one, the loser drops.
        completions = [_complete_one(version_id, answer) for answer in answers]
        return Completion(
            image_ids=[image_id for part in completions for image_id in part.image_ids],
            repeats=sum(part.repeats for part in completions),
            fenced=sum(part.fenced for part in completions),
        )


def _complete_one(version_id: UUID, answer: AnswerRow) -> Completion:
    try:
        with write_transaction():
            return _complete(version_id, [answer])
    except IntegrityError:
        with write_transaction():
            return _complete(version_id, [answer])


def _complete(version_id: UUID, answers: Sequence[AnswerRow]) -> Completion:
    ours = _lock_ours(answers)
    mine = [answer for answer in answers if ours.get(answer.item.id) == answer.item.claim]
    _hold_images(mine)
    fenced = len(answers) - len(mine)
    if fenced:
        logger.warning("late_results_fenced", rows=fenced, version=str(version_id))
    answered = dict(_answered.rows(version_id, [answer.item.image_id for answer in mine])) if mine else {}
    fresh: list[AnswerRow] = []
    repeats: list[AnswerRow] = []
    for answer in mine:
        if answer.item.image_id in answered:
            repeats.append(answer)
        else:
            fresh.append(answer)
            answered[answer.item.image_id] = answer.item.id
    _drop_repeats(repeats, answered)
    _write(version_id, fresh)
    _show_newer(fresh)
    _rank(fresh)
    _draw(version_id, fresh)
    tell_predictions(version_id, fresh)
    changed = [answer.item.image_id for answer in mine]
    if changed:
        _count_up.run(changed)
    transaction.on_commit(lambda: failpoint("after-result-commit"))
    failpoint("before-result-commit")
    return Completion(changed, len(repeats), fenced)


def _lock_ours(answers: Sequence[AnswerRow]) -> dict[UUID, int]:
    return dict(_locked.rows([answer.item.id for answer in answers]))


def _hold_images(answers: Sequence[AnswerRow]) -> None:
    """All images that this batch will change, in the order of their ids, before any of them is changed.

    Two workers whose batches share images would else wait for each other in a circle. SQLite has one writer at a time.
    """
    if answers and connection.features.has_select_for_update:
        _held.rows([answer.item.image_id for answer in answers])


def _drop_repeats(repeats: Sequence[AnswerRow], answered: dict[UUID, UUID]) -> None:
    for answer in repeats:
        existing = answered[answer.item.image_id]
        Image.objects.filter(current_prediction=answer.item.id).update(current_prediction=existing)
    if repeats:
        Prediction.objects.filter(id__in=[answer.item.id for answer in repeats]).delete()


def _write(version_id: UUID, answers: Sequence[AnswerRow]) -> None:
    if not answers:
        return
    label_ids = _label_ids(version_id)
    statement = (
        f"UPDATE {Prediction._meta.db_table} SET state = 'done', model_version_id = %s, label_id = %s, "  # noqa: S608 - constants
        f"confidence = %s, scores = {json_placeholder()}, unsure = %s, unfamiliar = %s, done_at = {now_sql()}, "
        "lease_until = NULL, failure_code = '', failure_reason = '' WHERE id = %s AND claim = %s AND state = 'claimed'"
    )
    version = database_id(version_id)
    rows = [
        (
            version,
            database_id(label_ids[answer.label_index]),
            float(answer.confidence),
            json.dumps([round(float(score), 6) for score in answer.scores]),
            bool(answer.unsure),
            bool(answer.unfamiliar),
            database_id(answer.item.id),
            answer.item.claim,
        )
        for answer in answers
    ]
    update_rows(statement, rows)


def _show_newer(answers: Sequence[AnswerRow]) -> None:
    """What was asked for is shown already; what a promotion queued again replaces the older answer once it is done."""
    if not answers:
        return
    for image_id, prediction_id in _newer.rows([answer.item.id for answer in answers]):
        Image.objects.filter(id=image_id).update(current_prediction=prediction_id)


def _rank(answers: Sequence[AnswerRow]) -> None:
    """How much a review would teach, on every image that waits for one and shows this answer."""
    if not answers:
        return
    statement = (
        f"UPDATE {Image._meta.db_table} SET usefulness = %s "  # noqa: S608 - constants
        "WHERE id = %s AND review_state = '' AND current_prediction_id = %s"
    )
    rows = [
        (usefulness_of(answer.scores), database_id(answer.item.image_id), database_id(answer.item.id))
        for answer in answers
    ]
    update_rows(statement, rows)


def _draw(version_id: UUID, answers: Sequence[AnswerRow]) -> None:
    if not answers:
        return
    label_ids = _label_ids(version_id)
    draw_for_audit(
        version_id,
        [
            Finished(answer.item.id, answer.item.image_id, label_ids[answer.label_index], answer.unsure)
            for answer in answers
        ],
    )
