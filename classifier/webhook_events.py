"""What webhooks are told: one delivery a webhook and message, written in the transaction of what happened.

So nothing is told that did not happen, and nothing that happened is forgotten. A webhook hears of what is committed
after it was made: who listens is asked anew each time, of a table of a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from classifier.doorbell import Doorbell
from classifier.models import Webhook, WebhookDelivery
from classifier.prepared_inserts import insert_rows
from classifier.prepared_queries import PreparedQuery
from classifier.presentation import write_moment

Event = Webhook.Event
WEBHOOK_TASK: Final = "tasks.webhooks.look"
# A gpu worker ends 20 batches a second; the loop that hears the first ring goes on for as long as there is work.
webhook_bell = Doorbell(task=WEBHOOK_TASK, queue="default", interval_seconds=0.5)


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened; `subject` is its id."""

    subject: str
    classifier_slug: str
    data: dict[str, Any]


def _listening(classifier_id: UUID) -> QuerySet[Webhook, Any]:
    rows = Webhook.objects.filter(Q(classifier_id=classifier_id) | Q(classifier_id__isnull=True), is_active=True)
    return rows.order_by().annotate(moment=Now()).values_list("id", "events", "moment")


# Every batch of predictions asks this.
_listeners = PreparedQuery(_listening)


def tell_webhooks(event: str, *, classifier_id: UUID, write: Callable[[], Sequence[Message]]) -> None:
    """Leave `write`'s messages for every webhook that wants this event; without one, `write` is not called."""
    wanting = [(webhook_id, moment) for webhook_id, events, moment in _listeners.rows(classifier_id) if event in events]
    if not wanting:
        return
    messages = write()
    held = _hold([webhook_id for webhook_id, _ in wanting])
    wanting = [each for each in wanting if each[0] in held]
    insert_rows([make_delivery(each, event, message, moment) for each, moment in wanting for message in messages])
    ring_webhooks()


def _hold(webhook_ids: Sequence[UUID]) -> set[UUID]:
    """Those that are still there, and stay until this transaction ends: a message for one that somebody deletes in the
    same moment would else undo what it tells of. SQLite has one writer at a time.
    """
    if connection.vendor != "postgresql":
        return set(webhook_ids)
    with connection.cursor() as cursor:
        # Weaker than any lock that Django can ask for: only a deletion waits, and a deletion is waited for.
        cursor.execute(
            f'SELECT "id" FROM "{Webhook._meta.db_table}" WHERE "id" = ANY(%s) FOR KEY SHARE',  # noqa: S608 - a constant
            [list(webhook_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def ring_webhooks() -> None:
    """After the commit; a lost ring costs WEBHOOK_POLL_SECONDS."""
    transaction.on_commit(webhook_bell.ring)


def make_delivery(webhook_id: UUID, event: str, message: Message, moment: datetime) -> WebhookDelivery:
    """A row not yet stored; `moment` is the database's now."""
    delivery = WebhookDelivery(
        webhook_id=webhook_id,
        event=str(event),
        subject=message.subject,
        available_at=moment,
        give_up_at=moment + timedelta(seconds=settings.WEBHOOK_GIVE_UP_SECONDS),
    )
    delivery.payload = {
        "id": str(delivery.id),
        "event": delivery.event,
        "subject": message.subject,
        "created_at": write_moment(moment),
        "classifier": message.classifier_slug,
        "data": message.data,
    }
    return delivery
