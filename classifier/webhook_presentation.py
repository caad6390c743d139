"""How webhooks and their messages look to programs and on pages."""

from __future__ import annotations

from typing import Any

from classifier.models import Webhook, WebhookDelivery
from classifier.webhook_events import show_moment


def describe_webhook(webhook: Webhook) -> dict[str, Any]:
    """Everything but its secret."""
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "events": list(webhook.events),
        "classifier": webhook.classifier.slug if webhook.classifier else None,
        "is_active": webhook.is_active,
        "stopped_because": webhook.stopped_because,
        "failing_since": show_moment(webhook.failing_since),
        "delivered": webhook.delivered_count,
        "failed_attempts": webhook.failed_count,
        "given_up": webhook.given_up_count,
        "by": webhook.user.get_username(),
        "created_at": show_moment(webhook.created_at),
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
        "next_attempt_at": show_moment(delivery.available_at) if is_waiting else None,
        "payload": delivery.payload,
        "created_at": show_moment(delivery.created_at),
        "ended_at": show_moment(delivery.ended_at),
    }
