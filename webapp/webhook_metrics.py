"""Prometheus metrics of webhooks, read from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from classifier.models import Webhook, WebhookDelivery

WAITING_COUNTED: Final = 100_000


def read_webhook_metrics() -> Iterator[Metric]:
    """Sums since each webhook was made, how many messages wait, and which webhooks fail."""
    outcomes = CounterMetricFamily(
        "whatsit_webhook_deliveries",
        "Messages delivered, attempts failed, messages given up.",
        labels=["webhook", "outcome"],
    )
    failing = GaugeMetricFamily(
        "whatsit_webhook_failing", "1 while the newest message was not delivered.", labels=["webhook"]
    )
    for webhook in Webhook.objects.order_by("id"):
        name = str(webhook.id)
        outcomes.add_metric([name, "delivered"], webhook.delivered_count)
        outcomes.add_metric([name, "failed"], webhook.failed_count)
        outcomes.add_metric([name, "given_up"], webhook.given_up_count)
        failing.add_metric([name], webhook.failing_since is not None)
    yield outcomes
    yield failing
    waiting = WebhookDelivery.objects.filter(ended_at__isnull=True, webhook__is_active=True)
    yield GaugeMetricFamily(
        "whatsit_webhook_waiting",
        f"Messages that wait to be delivered, {WAITING_COUNTED} at most.",
        value=waiting.order_by()[:WAITING_COUNTED].count(),
    )
