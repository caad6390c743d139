"""Webhooks and their messages: whose they are, where they go, how they fare. Never their secrets."""

from __future__ import annotations

from django.contrib import admin

from classifier.models import Webhook, WebhookDelivery
from webapp.admin import rendering
from webapp.admin.long_lists import LongListAdmin
from webapp.admin.read_only import ReadOnlyAdmin

WHAT = ("url", "events", "classifier", "user", "is_active", "stopped_because", "created_at")
FATE = ("failing_since", "delivered_count", "failed_count", "given_up_count")
MESSAGE = ("webhook", "event", "subject", "message", "created_at")
OUTCOME = ("state", "attempts", "available_at", "give_up_at", "status_code", "outcome", "worker", "ended_at")


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """They are made, changed and deleted on the page /webhooks/."""

    list_display = ("url", "user", "classifier", "is_active", "failing_since", "delivered_count", "given_up_count")
    list_filter = ("is_active",)
    list_select_related = ("user", "classifier")
    fieldsets = ((None, {"fields": WHAT}), ("How it fares", {"fields": FATE}))
    readonly_fields = (*WHAT, *FATE)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(LongListAdmin):
    """What is sent, and what became of it."""

    list_display = ("id", "webhook", "event", "state", "attempts", "status_code", "created_at", "ended_at")
    list_filter = ("state", "event")
    list_select_related = ("webhook",)
    fieldsets = ((None, {"fields": MESSAGE}), ("What became of it", {"fields": OUTCOME}))
    readonly_fields = (*MESSAGE, *OUTCOME)

    @admin.display(description="message")
    def message(self, row: WebhookDelivery) -> str:
        return rendering.json_block(row.payload)
