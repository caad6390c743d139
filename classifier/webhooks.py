"""Webhooks: made, changed, paused, tested and removed by people who may train."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from classifier.database_time import moments_from_now
from classifier.errors import Conflict, NotFound, Refused
from classifier.identifiers import new_id
from classifier.models import Classifier, Webhook, WebhookDelivery
from classifier.row_lookup import find_row
from classifier.webhook_addresses import clean_url
from classifier.webhook_events import Event, Message, make_delivery, ring_webhooks
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

State = WebhookDelivery.State
MOST_WEBHOOKS: Final = 50
EVENTS: Final = {
    Event.PREDICTION_DONE: "A picture was answered",
    Event.REVIEW_MADE: "Somebody said what a picture is",
    Event.TRAINING_FINISHED: "A training ended: done, failed or cancelled",
    Event.MODEL_PROMOTED: "Another model went live, also by a roll back",
}
"""Event that can be wished → what it means."""
NEEDED_RIGHTS: Final = ("classifier.add_trainingrun", "classifier.view_image")
LOST_RIGHT: Final = "The person it belongs to may no longer train here. Switch it on to take it over."
SWITCHED_OFF: Final = "This webhook is paused. Switch it on first."


def may_be_told(user: User) -> bool:
    """Whether this person may (still) have everybody's events sent somewhere. False once the account is closed."""
    return user.has_perms(NEEDED_RIGHTS)


def create_webhook(*, user: User, url: str, events: Sequence[str], classifier: Classifier | None = None) -> Webhook:
    """Active at once. Raises Refused, Conflict with a sentence. Its secret is to be shown now and never again."""
    cleaned, wished = clean_url(url), _clean_events(events)
    with write_transaction():
        if Webhook.objects.count() >= MOST_WEBHOOKS:
            raise Conflict(f"There are {MOST_WEBHOOKS} webhooks already. Delete one that is not used.")
        webhook = Webhook.objects.create(
            user=user, url=cleaned, events=wished, classifier=classifier, secret=_new_secret()
        )
    logger.info("webhook_made", webhook=str(webhook.id), events=wished)
    return webhook


def change_webhook(*, webhook: Webhook, user: User, changes: Mapping[str, Any]) -> Webhook:
    """Store what is in `changes`: url, events, classifier (None: every one), is_active. Raises Refused, NotFound.

    Whoever changes it answers for it from now on: it stops when that person loses the right.
    """
    values: dict[str, Any] = {"user": user}
    if "url" in changes:
        values["url"] = clean_url(changes["url"])
    if "events" in changes:
        values["events"] = _clean_events(changes["events"])
    if "classifier" in changes:
        values["classifier"] = changes["classifier"]
    if "is_active" in changes:
        values.update(is_active=bool(changes["is_active"]), stopped_because="")
    with write_transaction():
        if not Webhook.objects.filter(id=webhook.id).update(**values):
            raise NotFound
        if values.get("is_active"):
            ring_webhooks()
    logger.info("webhook_changed", webhook=str(webhook.id), changed=sorted(changes))
    return find_webhook(str(webhook.id))


def renew_secret(*, webhook: Webhook) -> str:
    """A new secret, to be shown once; the old one signs nothing from now on. Raises NotFound."""
    secret = _new_secret()
    with write_transaction():
        if not Webhook.objects.filter(id=webhook.id).update(secret=secret):
            raise NotFound
    return secret


def delete_webhook(*, webhook: Webhook) -> None:
    """With everything it was told and still waits for. Raises NotFound where somebody else was faster."""
    with write_transaction():
        if not Webhook.objects.filter(id=webhook.id).delete()[0]:
            raise NotFound("This webhook was deleted already.")
    logger.info("webhook_deleted", webhook=str(webhook.id))


def stop_webhook(webhook_id: UUID, *, reason: str) -> None:
    """Nobody paused it: the receiver or a lost right did. What waits stays, and is sent if it is switched on again."""
    with write_transaction():
        stopped = Webhook.objects.filter(id=webhook_id, is_active=True).update(
            is_active=False, stopped_because=reason[:300]
        )
    if stopped:
        logger.warning("webhook_stopped", webhook=str(webhook_id), reason=reason)


def send_test(*, webhook: Webhook) -> WebhookDelivery:
    """A ping, so that one sees whether messages arrive. Raises Conflict while the webhook is paused."""
    if not webhook.is_active:
        raise Conflict(SWITCHED_OFF)
    slug = webhook.classifier.slug if webhook.classifier else ""
    message = Message(str(new_id()), slug, {"text": "This is a test. Nothing happened."})
    delivery = make_delivery(webhook.id, Event.PING, message, timezone.now())
    delivery.available_at = Now()  # of clocks, only the database's counts
    with write_transaction():
        delivery.save(force_insert=True)
        ring_webhooks()
    delivery.refresh_from_db()
    return delivery


def redeliver(*, delivery: WebhookDelivery) -> WebhookDelivery:
    """done or failed → waiting, tried for another day. Raises Conflict where it waits already or nothing is sent."""
    if not delivery.webhook.is_active:
        raise Conflict(SWITCHED_OFF)
    with write_transaction():
        changed = WebhookDelivery.objects.filter(id=delivery.id, state__in=[State.DONE, State.FAILED]).update(
            state=State.WAITING,
            ended_at=None,
            attempts=0,
            claim=F("claim") + 1,
            available_at=Now(),
            give_up_at=moments_from_now(settings.WEBHOOK_GIVE_UP_SECONDS),
        )
        if not changed:
            raise Conflict("This message waits to be sent already.")
        ring_webhooks()
    delivery.refresh_from_db()
    return delivery


def list_webhooks() -> QuerySet[Webhook]:
    """All of them, the newest first; never many."""
    return Webhook.objects.select_related("classifier", "user")


def find_webhook(identifier: str) -> Webhook:
    """Raises NotFound."""
    return find_row(list_webhooks(), identifier)


def find_delivery(webhook: Webhook, identifier: str) -> WebhookDelivery:
    """Raises NotFound, also for one of another webhook."""
    return find_row(WebhookDelivery.objects.select_related("webhook").filter(webhook=webhook), identifier)


def _clean_events(events: Sequence[str]) -> list[str]:
    unknown = [event for event in events if event not in EVENTS]
    if unknown:
        raise Refused("malformed_request", f"There is no event “{unknown[0]}”. Known are {', '.join(EVENTS)}.")
    if not events:
        raise Refused("malformed_request", f"Choose at least one event: {', '.join(EVENTS)}.")
    return [str(event) for event in EVENTS if event in events]


def _new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"
