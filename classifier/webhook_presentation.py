"""How webhooks and their messages look to programs and on pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from classifier.models import Webhook, WebhookDelivery
from classifier.presentation import write_moment

LONG: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """How a webhook fares: a word for a badge, a sentence, and whether somebody should do something about it."""

    word: str
    sentence: str
    is_trouble: bool = False


def describe_health(webhook: Webhook, *, now: datetime) -> Health:
    """What its page says on top."""
    if not webhook.is_active:
        return _describe_stop(webhook)
    if webhook.failing_since:
        since = f"{webhook.failing_since:%-d %b %Y, %H:%M} UTC"
        if now - webhook.failing_since < LONG:
            return Health("failing", f"Since {since} no message was delivered. Each is tried again for a day.", True)
        days = (now - webhook.failing_since).days
        told = (
            f"For {days} day{'s' if days > 1 else ''} no message was delivered (since {since}). Each is given up after"
        )
        return Health("failing", f"{told} a day. Look at the newest outcome below, or pause the webhook.", True)
    if not webhook.delivered_count:
        return Health("active", "Nothing was delivered yet. Send a test to see whether messages arrive.")
    return Health("active", "Messages arrive.")


def _describe_stop(webhook: Webhook) -> Health:
    if webhook.stopped_because:
        return Health("stopped", webhook.stopped_because, True)
    return Health("paused", "It hears of nothing new; what waits is kept for 30 days, and sent once it is switched on.")


def describe_webhook(webhook: Webhook) -> dict[str, Any]:
    """Everything but its secret."""
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "events": list(webhook.events),
        "classifier": webhook.classifier.slug if webhook.classifier else None,
        "is_active": webhook.is_active,
        "stopped_because": webhook.stopped_because,
        "failing_since": write_moment(webhook.failing_since),
        "delivered": webhook.delivered_count,
        "failed_attempts": webhook.failed_count,
        "given_up": webhook.given_up_count,
        "by": webhook.user.get_username(),
        "created_at": write_moment(webhook.created_at),
    }


def describe_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    """With its message; `next_attempt_at` while it waits."""
    is_waiting = delivery.ended_at is None
    return {
        "id": str(delivery.id),
        "event": delivery.event,
        "subject": delivery.subject,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "status_code": delivery.status_code,
        "outcome": delivery.outcome,
        "next_attempt_at": write_moment(delivery.available_at) if is_waiting else None,
        "payload": delivery.payload,
        "created_at": write_moment(delivery.created_at),
        "ended_at": write_moment(delivery.ended_at),
    }
