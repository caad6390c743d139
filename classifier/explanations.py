"""Why a version answered as it did: asked for by people, made by a gpu worker's child one at a time.

Rows decide, every move is one conditional UPDATE; the heat map is an object that deleting its image finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, SmallIntegerField, When
from django.db.models.functions import Now

from classifier.database_time import is_lease_over, moments_from_now
from classifier.derivatives import derivative_key
from classifier.doorbell import ring_by_name
from classifier.models import Explanation, Image, ModelVersion
from classifier.models.explanation import NOT_ENDED
from classifier.object_storage import ObjectMissing, delete_object, read_object, write_verified
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

State = Explanation.State
EXPLAIN_TASK: Final = "tasks.explaining_bell.look"
QUEUE: Final = "gpu"
MOST_FAILURES: Final = 3
WORN_OUT: Final = "The worker stopped three times while it made the heat map of this picture."
_AGAIN_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class ClaimedExplanation:
    """A wish in this worker's hands; `claim` is the fence that every later word must carry."""

    id: UUID
    image_id: UUID
    version_id: UUID
    claim: int


def heatmap_key(image_id: UUID, version_id: UUID) -> str:
    """Where the heat map of this version's answer lies."""
    return derivative_key(image_id, f"{version_id.hex}-heatmap.png")


def request_explanation(*, image: Image, version: ModelVersion) -> Explanation:
    """The wish as it stands, made where there is none; one that failed a while ago is tried again."""
    found = Explanation.objects.filter(image=image, version=version).first()
    if found is None:
        try:
            with write_transaction():
                made = Explanation.objects.create(image=image, version=version, requested_at=Now())
                transaction.on_commit(_ring)
            return made
        except IntegrityError:  # somebody else asked at the same moment
            return Explanation.objects.get(image=image, version=version)
    if found.state == State.FAILED:
        _reopen(Explanation.objects.filter(id=found.id, state=State.FAILED, ended_at__lt=_a_while_ago()))
        found.refresh_from_db()
    return found


def read_heatmap(explanation: Explanation) -> bytes | None:
    """The PNG of a wish that is done; None where its object is gone, and then it is made again.

    Raises StorageUnavailable.
    """
    try:
        return read_object(heatmap_key(explanation.image_id, explanation.version_id))
    except ObjectMissing:
        logger.warning("heatmap_missing", image=str(explanation.image_id))
        _reopen(Explanation.objects.filter(id=explanation.id, state=State.DONE))
        return None


def has_due_explanations() -> bool:
    """Is there a wish in nobody's hands?"""
    return Explanation.objects.filter(_is_due()).exists()


def claim_explanation(*, worker: str) -> ClaimedExplanation | None:
    """The wish that has waited longest, or whose worker fell silent; one of too many silences is failed here."""
    worn = Explanation.objects.filter(_is_silent(), failures__gte=MOST_FAILURES - 1)
    for claimed in [ClaimedExplanation(*row) for row in worn.values_list("id", "image_id", "version_id", "claim")]:
        fail_explanation(claimed, reason=WORN_OUT)
    due = Explanation.objects.filter(_is_due()).order_by("requested_at")[:10]
    for claimed in [ClaimedExplanation(*row) for row in due.values_list("id", "image_id", "version_id", "claim")]:
        with write_transaction():
            if Explanation.objects.filter(_is_due(), id=claimed.id, claim=claimed.claim).update(
                worker=worker[:120],
                claim=F("claim") + 1,
                failures=Case(
                    When(~Q(worker=""), then=F("failures") + 1),
                    default=F("failures"),
                    output_field=SmallIntegerField(),
                ),
                lease_until=moments_from_now(settings.EXPLANATION_LEASE_SECONDS),
            ):
                return ClaimedExplanation(claimed.id, claimed.image_id, claimed.version_id, claimed.claim + 1)
    return None


def complete_explanation(claimed: ClaimedExplanation, png: bytes) -> bool:
    """Store the heat map and end the wish; where the image was deleted meanwhile, nothing of it stays.

    Raises StorageUnavailable.
    """
    key = heatmap_key(claimed.image_id, claimed.version_id)
    write_verified(key, png)
    with write_transaction():
        done = bool(_own_row(claimed).update(state=State.DONE, outcome="", ended_at=Now(), lease_until=None, worker=""))
    if not done and not Image.objects.filter(id=claimed.image_id).exists():
        delete_object(key)
    return done


def fail_explanation(claimed: ClaimedExplanation, *, reason: str) -> bool:
    """→ failed, with the reason in words; False where the wish is no longer ours."""
    with write_transaction():
        failed = _own_row(claimed).update(
            state=State.FAILED, outcome=reason[:300], ended_at=Now(), lease_until=None, worker=""
        )
    logger.warning("explanation_failed", image=str(claimed.image_id), reason=reason, is_ours=bool(failed))
    return bool(failed)


def release_explanation(claimed: ClaimedExplanation, *, delay_seconds: float = 0) -> None:
    """Our own trouble (storage away, this process stops): tried again, after the delay. Counts as no failure."""
    later = moments_from_now(delay_seconds) if delay_seconds else None
    with write_transaction():
        _own_row(claimed).update(worker="", lease_until=later)


def _reopen(rows: QuerySet[Explanation]) -> None:
    with write_transaction():
        if rows.update(
            state=State.WAITING, outcome="", failures=0, requested_at=Now(), ended_at=None, lease_until=None, worker=""
        ):
            transaction.on_commit(_ring)


def _ring() -> None:
    ring_by_name(EXPLAIN_TASK, [], queue=QUEUE)


def _a_while_ago() -> Any:
    return moments_from_now(-_AGAIN_SECONDS)


def _is_due() -> Q:
    return NOT_ENDED & is_lease_over()


def _is_silent() -> Q:
    return NOT_ENDED & ~Q(worker="") & Q(lease_until__lt=Now())


def _own_row(claimed: ClaimedExplanation) -> QuerySet[Explanation]:
    return Explanation.objects.filter(NOT_ENDED, id=claimed.id, claim=claimed.claim)
