"""Requests that came over a broker: written once, before the message is acknowledged; a repeat is answered again.

Finding what can be answered, and saying that it was, is broker_answers.py's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from classifier.errors import Refused
from classifier.models import BrokerRequest, EvaluationRequest, Image, Prediction, TrainingRun
from classifier.owners import Owner
from classifier.prepared_inserts import insert_rows
from classifier.prepared_queries import PreparedQuery
from classifier.shared_commits import commit_together
from classifier.upload_requests import CompanionExists, SentFile, UploadAnswer
from classifier.uploads import accept_upload
from classifier.write_transactions import write_transaction

Kind = BrokerRequest.Kind
LONGEST_ID: Final = 200
LONGEST_ADDRESS: Final = 250
_FORGOTTEN_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for what: the message's place and id, where the answer goes, and a digest of everything else."""

    source: str
    message_id: str
    kind: str
    reply_to: str
    fingerprint: str

    def row(self, **what: Any) -> BrokerRequest:
        """Its row, not yet stored."""
        return BrokerRequest(
            source=self.source,
            message_id=self.message_id,
            kind=self.kind,
            reply_to=self.reply_to,
            fingerprint=self.fingerprint,
            **what,
        )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a look at an earlier request needs."""

    id: UUID
    fingerprint: str
    reply_to: str
    is_waiting: bool


def fingerprint_message(parts: Sequence[Any]) -> str:
    """SHA-256 over what was asked, as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


# Every message asks this.
_kept = PreparedQuery(
    lambda source, message_id: (
        BrokerRequest.objects.filter(source=source, message_id=message_id)
        .order_by()
        .values_list("id", "fingerprint", "reply_to", "answered_at", "worker")
    )
)


def answer_again(asked: Asked) -> bool:
    """Where this message was here before, see that its one answer goes out again; False where it is new.

    Raises Refused (idempotency_mismatch) for another request under the same id.
    """
    kept = _find(asked)
    if kept is None:
        return False
    if kept.fingerprint != asked.fingerprint:
        raise Refused("idempotency_mismatch", "This id was used for another request. Use a new id for a new request.")
    if kept.is_waiting and kept.reply_to == asked.reply_to:
        return True
    # A gateway that is answering just now no longer finds its mark, and the answer goes out once more.
    rows = BrokerRequest.objects.filter(id=kept.id)
    commit_together(lambda: rows.update(answered_at=None, worker="", lease_until=None, reply_to=asked.reply_to) or None)
    return True


def _find(asked: Asked) -> _Kept | None:
    rows = _kept.rows(asked.source, asked.message_id)
    if not rows:
        return None
    identifier, fingerprint, reply_to, answered_at, worker = rows[0]
    return _Kept(identifier, fingerprint, reply_to, answered_at is None and not worker)


class _RequestRow:
    """Written in the transaction of the image's rows."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def is_written(self) -> bool:
        return _find(self._asked) is not None

    def write(self, answer: UploadAnswer) -> None:
        image = answer.images[0]
        insert_rows([self._asked.row(image=image, prediction=image.current_prediction)])


def accept_picture(
    asked: Asked, *, file: SentFile, owner: Owner, classifier_slug: str | None, wished_version: str | None
) -> UploadAnswer:
    """Accept the picture and write the request down, in one commit.

    Raises CompanionExists, and what accept_upload raises.
    """
    return accept_upload(
        files=[file],
        owner=owner,
        source=Image.Source.BROKER,
        priority=Prediction.PROGRAM,
        classifier_slug=classifier_slug,
        wished_version=wished_version,
        companion=_RequestRow(asked),
    )


def refuse_request(asked: Asked, *, answer: dict[str, Any]) -> None:
    """Write down what is refused, with its answer. Raises CompanionExists."""
    try:
        commit_together(lambda: insert_rows([asked.row(answer=answer)]))
    except IntegrityError as problem:
        raise CompanionExists from problem


def record_command(
    asked: Asked, *, run: TrainingRun | None = None, evaluation: EvaluationRequest | None = None
) -> None:
    """Write a command down beside what it began, in the caller's transaction. Raises CompanionExists."""
    try:
        with write_transaction():
            insert_rows([asked.row(training_run=run, evaluation=evaluation)])
    except IntegrityError as problem:
        raise CompanionExists from problem


def forget_old_requests() -> int:
    """Housekeeping: remove requests answered longer ago than GATEWAY_REMEMBER_SECONDS; returns how many."""
    limit = timezone.now() - timedelta(seconds=settings.GATEWAY_REMEMBER_SECONDS)
    old = BrokerRequest.objects.filter(answered_at__lt=limit).order_by("id").values_list("id", flat=True)
    forgotten = 0
    while ids := list(old[:_FORGOTTEN_AT_ONCE]):
        with write_transaction():
            forgotten += BrokerRequest.objects.filter(id__in=ids, answered_at__lt=limit).delete()[0]
    return forgotten
