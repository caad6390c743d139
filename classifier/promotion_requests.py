"""Promotion by hand: somebody asks, a worker tries the version, and only then it goes live. The rows say what waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from classifier.database_time import is_lease_over, moments_from_now
from classifier.doorbell import ring_by_name
from classifier.errors import Conflict, Refused
from classifier.live_updates import EVERYBODY, live_sender
from classifier.model_registry import find_undoable_promotion, promote
from classifier.models import Classifier, ModelVersion, PromotionRequest
from classifier.row_lookup import find_row
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

State = PromotionRequest.State
PROMOTE_TASK: Final = "tasks.promoting.look"
QUEUE: Final = "gpu"
NO_EARLIER_VERSION: Final = "There is no earlier live version to go back to."
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True)
class ClaimedPromotion:
    """A request in this worker's hands. `worker` names one thread of one process, so it is the fence too."""

    id: UUID
    version_id: UUID
    worker: str


def why_not_promotable(version: ModelVersion) -> str | None:
    """The sentence beside a button that cannot be pressed; None where the version may be promoted."""
    if version.stage == ModelVersion.Stage.LIVE:
        return f"{version} is live already."
    if version.stage == ModelVersion.Stage.REJECTED:
        forced = f"manage.py promote {version.classifier.slug} {version.number}"
        return f"{version} was rejected, see its verdict; {forced} would force it."
    open_request = _open_requests(version.classifier_id).select_related("version").first()
    if open_request is None:
        return None
    return f"{open_request.version} is being checked by a worker; wait until that has ended."


def why_no_rollback(classifier: Classifier) -> str | None:
    """The sentence beside the button “Roll back”; None where there is a version to go back to."""
    return None if find_undoable_promotion(classifier) else NO_EARLIER_VERSION


def request_promotion(*, version: ModelVersion, user: User | None, reason: str) -> PromotionRequest:
    """Ask for this version to go live once a worker has tried it. Raises Refused, Conflict with a sentence."""
    expire_promotions()
    fresh = ModelVersion.objects.select_related("classifier").get(pk=version.pk)
    if (obstacle := why_not_promotable(fresh)) is not None:
        is_open = fresh.stage not in {ModelVersion.Stage.LIVE, ModelVersion.Stage.REJECTED}
        raise Conflict(obstacle) if is_open else Refused("malformed_request", obstacle)
    try:
        with write_transaction():
            request = PromotionRequest.objects.create(
                classifier=fresh.classifier, version=fresh, user=user, reason=reason[:200]
            )
            transaction.on_commit(lambda: ring_by_name(PROMOTE_TASK, [], queue=QUEUE))
    except IntegrityError as problem:
        raise Conflict("Another version is being checked by a worker; wait until that has ended.") from problem
    logger.info("promotion_requested", classifier=fresh.classifier.slug, version=fresh.number, reason=reason)
    return request


def find_promotion(identifier: str) -> PromotionRequest:
    """With its version and classifier; one that waited too long has ended by then. Raises NotFound."""
    expire_promotions()
    rows = PromotionRequest.objects.select_related("classifier", "version")
    return find_row(rows, identifier, missing=f"There is no promotion {identifier}.")


def claim_promotion(*, worker: str) -> ClaimedPromotion | None:
    """The request that has waited longest and is in nobody's hands, under a lease; None where there is none."""
    for request_id, version_id in _in_nobodys_hands().order_by("created_at").values_list("id", "version_id"):
        with write_transaction():
            if _in_nobodys_hands().filter(id=request_id).update(worker=worker, lease_until=_lease()):
                return ClaimedPromotion(request_id, version_id, worker)
    return None


def renew_promotion(claimed: ClaimedPromotion) -> bool:
    """Say that the trial goes on; False where the request is no longer ours."""
    with write_transaction():
        return bool(_own_row(claimed).update(lease_until=_lease()))


def release_promotion(claimed: ClaimedPromotion, *, delay_seconds: float = 0, trouble: str = "") -> None:
    """Our own fault (storage away, this process stops): another worker may try, after the delay. Nothing is decided.

    The trouble is what the request says if it waits too long.
    """
    later = moments_from_now(delay_seconds) if delay_seconds else None
    with write_transaction():
        _own_row(claimed).update(worker="", lease_until=later, outcome=trouble[:_MOST_WORDS])


def complete_promotion(claimed: ClaimedPromotion, *, note: str) -> bool:
    """Make the tried version live in the commit that ends its request; False, and nothing, where that is not ours.

    `note` says how it was proved. Completing twice promotes once. A version that the gate has rejected meanwhile is
    refused.
    """
    with write_transaction():
        request = PromotionRequest.objects.select_related("version", "user").get(id=claimed.id)
        Classifier.objects.select_for_update().get(pk=request.classifier_id)  # every promotion locks in this order
        if request.version.stage == ModelVersion.Stage.REJECTED:
            return refuse_promotion(claimed, outcome=f"{request.version} was rejected meanwhile, see its verdict.")
        if not _end(_own_row(claimed), State.DONE):
            return False
        before = promote(version=request.version, reason=request.reason, user=request.user)
        replaced = f", instead of {before}" if before and before.pk != request.version_id else ""
        _tell(request, State.DONE, f"{request.version} is live{replaced}. {note}")
    return True


def refuse_promotion(claimed: ClaimedPromotion, *, outcome: str) -> bool:
    """The version stays as it is, with the reason in words; False where the request is no longer ours."""
    return _refuse(_own_row(claimed), claimed.id, outcome)


def expire_promotions() -> int:
    """End requests that wait longer than anybody would, with the reason; returns how many."""
    minutes = max(1, round(settings.PROMOTION_WAIT_SECONDS / 60))
    nobody = f"No worker took it within {minutes} min. Start one for the queue gpu, then ask again."
    silent = "The worker that tried it stopped without a word. Ask again."
    late = _in_nobodys_hands().filter(created_at__lt=moments_from_now(-settings.PROMOTION_WAIT_SECONDS))
    expired = 0
    for request_id, worker, trouble in late.values_list("id", "worker", "outcome"):
        outcome = trouble or (silent if worker else nobody)
        expired += _refuse(late.filter(id=request_id), request_id, outcome)
    return expired


def _refuse(rows: QuerySet[PromotionRequest], request_id: UUID, outcome: str) -> bool:
    with write_transaction():
        if not _end(rows, State.REFUSED):
            return False
        request = PromotionRequest.objects.select_related("version").get(id=request_id)
        _tell(request, State.REFUSED, outcome)
    logger.warning("promotion_refused", version=str(request.version_id), reason=outcome)
    return True


def _end(rows: QuerySet[PromotionRequest], state: PromotionRequest.State) -> bool:
    return bool(rows.update(state=state, ended_at=Now(), lease_until=None))


def _tell(request: PromotionRequest, state: PromotionRequest.State, outcome: str) -> None:
    """Keep the outcome, and let every page hear of it after the commit."""
    words = outcome[:_MOST_WORDS]
    PromotionRequest.objects.filter(id=request.id).update(outcome=words)
    event: dict[str, Any] = {"type": "promotion", "version": str(request.version_id)}
    event |= {"state": str(state), "outcome": words}
    transaction.on_commit(lambda: live_sender.send({EVERYBODY: [event]}))


def _open_requests(classifier_id: UUID) -> QuerySet[PromotionRequest]:
    return PromotionRequest.objects.filter(classifier_id=classifier_id, state=State.WAITING)


def _in_nobodys_hands() -> QuerySet[PromotionRequest]:
    return PromotionRequest.objects.filter(is_lease_over(), state=State.WAITING)


def _own_row(claimed: ClaimedPromotion) -> QuerySet[PromotionRequest]:
    return PromotionRequest.objects.filter(id=claimed.id, state=State.WAITING, worker=claimed.worker)


def _lease() -> Any:
    return moments_from_now(settings.PROMOTION_LEASE_SECONDS)
