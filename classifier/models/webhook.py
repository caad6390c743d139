"""Addresses of other programs that want to hear what happens here, and every message for them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class Webhook(models.Model):
    """An address, the events it wants, and the secret its messages are signed with."""

    class Event(models.TextChoices):
        PREDICTION_DONE = "prediction.done"
        REVIEW_MADE = "review.made"
        TRAINING_FINISHED = "training.finished"
        MODEL_PROMOTED = "model.promoted"
        PING = "ping", "a test, sent on demand only"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    classifier = models.ForeignKey(
        "classifier.Classifier",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="webhooks",
        help_text="Empty: of every classifier.",
    )
    url = models.URLField(max_length=500)
    events = models.JSONField(default=list)
    secret = models.CharField(max_length=80, help_text="Both sides need it as it is, to sign and to check.")
    is_active = models.BooleanField(default=True)
    stopped_because = models.CharField(max_length=300, blank=True, default="", help_text="Where nobody paused it.")
    failing_since = models.DateTimeField(null=True, blank=True, help_text="The first failure since the last success.")
    delivered_count = models.PositiveBigIntegerField(default=0)
    failed_count = models.PositiveBigIntegerField(default=0, help_text="Attempts that failed.")
    given_up_count = models.PositiveBigIntegerField(default=0, help_text="Messages that were never delivered.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """waiting → done | failed; failed or done → waiting (sent again by hand). Written in the transaction of what it
    tells of; sent by the default worker under a lease, again with growing pauses for a day. `claim` is the fence.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Every index below begins with it; one of its own would cost each batch of predictions and help nobody.
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.CharField(max_length=30, choices=Webhook.Event.choices)
    subject = models.CharField(max_length=80, help_text="What it tells of: one message a webhook, event and subject.")
    payload = models.JSONField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField(help_text="Not before this moment.")
    give_up_at = models.DateTimeField(help_text="The last attempt is the one after which this moment has passed.")
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the last answer.")
    outcome = models.CharField(max_length=300, blank=True, default="", help_text="Of the last attempt, in words.")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event", "subject"], name="one_delivery_per_subject"),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at__isnull=True)
                | Q(state__in=["done", "failed"], ended_at__isnull=False),
                name="ended_delivery_has_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "available_at"], condition=Q(ended_at__isnull=True), name="delivery_waiting"
            ),
            models.Index(fields=["webhook", "-id"], name="delivery_log"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}: {self.state}"
