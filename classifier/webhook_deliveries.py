"""Deliveries in a worker's hands: claimed fairly among the webhooks, ended or put off, forgotten after a month.

Every move is one conditional UPDATE; what is claimed comes back with its lease, and `claim` is the fence.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils import timezone

from classifier.database_time import is_lease_over, moments_from_now
from classifier.identifiers import first_id_at
from classifier.models import Webhook, WebhookDelivery
from classifier.webhooks import LOST_RIGHT, may_be_told, stop_webhook
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

State = WebhookDelivery.State
LONGEST_PAUSE_SECONDS: Final = 3600.0
KEPT: Final = timedelta(days=30)
OVERDUE: Final = timedelta(hours=2)
NEVER_DELIVERED: Final = "Not delivered within its time: the receiver failed on every message before it."
GONE: Final = "The receiver answered 410 Gone: it wants no more messages."
_SLICE: Final = 1000
_jitter = random.Random()  # noqa: S311 - spreads attempts, guards nothing


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One message in this worker's hands, with all that sending it takes."""

    id: UUID
    claim: int
    webhook_id: UUID
    url: str
    secret: str
    event: str
    payload: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt, in words; `status_code` is None where nothing was answered."""

    is_delivered: bool
    words: str
    status_code: int | None = None

    @property
    def is_unwanted(self) -> bool:
        """410 Gone: the receiver wants no more."""
        return self.status_code == 410


def claim_deliveries(*, worker: str, free: int, busy: Mapping[UUID, int], share: int) -> list[ClaimedDelivery]:
    """Up to `free` due messages for WEBHOOK_LEASE_SECONDS, no webhook having more than `share` in the worker's hands.

    One that fails just now has one at most. `busy` says how many each has already. A webhook whose person lost the
    right is stopped here.
    """
    webhooks = _find_due_webhooks() if free > 0 else []
    if not webhooks:
        return []
    with write_transaction():
        ids = _choose(webhooks, free, busy, share)
        WebhookDelivery.objects.filter(_is_due(), id__in=ids).update(
            worker=worker[:120], claim=F("claim") + 1, lease_until=moments_from_now(settings.WEBHOOK_LEASE_SECONDS)
        )
        mine = WebhookDelivery.objects.filter(id__in=ids, worker=worker[:120], ended_at__isnull=True)
        facts = ("id", "claim", "webhook_id", "webhook__url", "webhook__secret", "event", "payload", "attempts")
        return [ClaimedDelivery(*row) for row in mine.order_by("available_at").values_list(*facts)]


def store_attempts(results: Sequence[tuple[ClaimedDelivery, Attempt]]) -> int:
    """waiting → done, failed or waiting for the next attempt, all in one transaction; returns how many were ours."""
    tallies: dict[UUID, Counter[str]] = {}
    gone: set[UUID] = set()
    with write_transaction():
        for claimed, attempt in sorted(results, key=lambda each: each[0].id):
            became = (
                _end(claimed, attempt) if attempt.is_delivered or attempt.is_unwanted else _put_off(claimed, attempt)
            )
            if became:
                tallies.setdefault(claimed.webhook_id, Counter())[became] += 1
            if became and attempt.is_unwanted:
                gone.add(claimed.webhook_id)
        for webhook_id in sorted(tallies):
            _count(webhook_id, tallies[webhook_id])
    for webhook_id in gone:
        stop_webhook(webhook_id, reason=GONE)
    return sum(tally.total() for tally in tallies.values())


def pause_after(attempts: int) -> float:
    """Seconds to the next attempt: doubling up to an hour, a fifth more or less, so that not all come back at once."""
    doubled = settings.WEBHOOK_RETRY_SECONDS * 2.0 ** min(attempts, 20)
    return float(min(doubled, LONGEST_PAUSE_SECONDS)) * _jitter.uniform(0.8, 1.2)


def give_up_overdue() -> int:
    """Housekeeping: fail what waits behind a receiver that fails, and whose time is long over; returns how many."""
    given_up = 0
    for webhook_id in Webhook.objects.filter(failing_since__isnull=False).order_by("id").values_list("id", flat=True):
        overdue = WebhookDelivery.objects.filter(
            _is_in_nobodys_hands(), webhook_id=webhook_id, give_up_at__lt=timezone.now() - OVERDUE
        )
        while ids := list(overdue.order_by("available_at").values_list("id", flat=True)[:_SLICE]):
            with write_transaction():
                changed = overdue.filter(id__in=ids).update(
                    state=State.FAILED, ended_at=Now(), outcome=NEVER_DELIVERED, lease_until=None, claim=F("claim") + 1
                )
                Webhook.objects.filter(id=webhook_id).update(given_up_count=F("given_up_count") + changed)
            given_up += changed
    return given_up


def forget_old_deliveries(*, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Housekeeping: messages of a month ago that have ended, or that no active webhook waits for; returns how many."""
    ended = Q(ended_at__isnull=False, ended_at__lt=timezone.now() - KEPT) | Q(webhook__is_active=False)
    old = WebhookDelivery.objects.filter(ended, id__lt=first_id_at(timezone.now() - KEPT))
    forgotten = 0
    while not is_stopping() and (ids := list(old.order_by("id").values_list("id", flat=True)[:_SLICE])):
        with write_transaction():
            forgotten += WebhookDelivery.objects.filter(id__in=ids).delete()[0]
    return forgotten


def _find_due_webhooks() -> list[Webhook]:
    due = Exists(WebhookDelivery.objects.filter(_is_due(), webhook=OuterRef("pk")))
    found = []
    for webhook in Webhook.objects.filter(due, is_active=True).select_related("user"):
        if may_be_told(webhook.user):
            found.append(webhook)
        else:
            stop_webhook(webhook.id, reason=LOST_RIGHT)
    return found


def _choose(webhooks: Sequence[Webhook], free: int, busy: Mapping[UUID, int], share: int) -> list[UUID]:
    """One of each webhook in turns, beginning with those that have the least in hand, until no place is free."""
    queues = []
    for webhook in sorted(webhooks, key=lambda each: busy.get(each.id, 0)):
        room = (1 if webhook.failing_since else share) - busy.get(webhook.id, 0)
        queues.append(_lock_due(webhook.id, min(room, free)) if room > 0 else [])
    return [each for turn in zip_longest(*queues) for each in turn if each is not None][:free]


def _lock_due(webhook_id: UUID, limit: int) -> list[UUID]:
    rows = WebhookDelivery.objects.filter(_is_due(), webhook_id=webhook_id).order_by("available_at")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return list(rows.values_list("id", flat=True)[:limit])


def _end(claimed: ClaimedDelivery, attempt: Attempt) -> str:
    state = State.DONE if attempt.is_delivered else State.FAILED
    changed = _own_row(claimed).update(state=state, ended_at=Now(), **_facts(attempt))
    return ("delivered" if attempt.is_delivered else "given_up") if changed else ""


def _put_off(claimed: ClaimedDelivery, attempt: Attempt) -> str:
    """Until the next attempt; or given up, where the message's time is over."""
    facts = _facts(attempt)
    if _own_row(claimed).filter(give_up_at__lte=Now()).update(state=State.FAILED, ended_at=Now(), **facts):
        return "given_up"
    later = moments_from_now(pause_after(claimed.attempts))
    return "put_off" if _own_row(claimed).update(available_at=later, **facts) else ""


def _facts(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempts": F("attempts") + 1,
        "status_code": attempt.status_code,
        "outcome": attempt.words[:300],
        "worker": "",
        "lease_until": None,
    }


def _count(webhook_id: UUID, tally: Counter[str]) -> None:
    """The webhook's sums; and since when it fails: from the first failure on, until one message arrives."""
    failed = tally["put_off"] + tally["given_up"]
    changes: dict[str, Any] = {
        "delivered_count": F("delivered_count") + tally["delivered"],
        "failed_count": F("failed_count") + failed,
        "given_up_count": F("given_up_count") + tally["given_up"],
    }
    if tally["delivered"]:
        changes["failing_since"] = Value(None)
    rows = Webhook.objects.filter(id=webhook_id)
    rows.update(**changes)
    if not tally["delivered"]:
        rows.filter(failing_since__isnull=True).update(failing_since=Now())


def _is_due() -> Q:
    return _is_in_nobodys_hands() & Q(available_at__lte=Now())


def _is_in_nobodys_hands() -> Q:
    return Q(ended_at__isnull=True) & is_lease_over()


def _own_row(claimed: ClaimedDelivery) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(id=claimed.id, claim=claimed.claim, ended_at__isnull=True)
