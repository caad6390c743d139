"""What was deleted, and what had seen it: enough to recognise the picture again, and nothing of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class Deletion(models.Model):
    """One image's deletion, written in the transaction that removes its rows. pending → done, and never anything else.

    Pending until its objects are gone and no dataset or evaluation pack shows the picture any more; a worker's hold on
    it is `lease_until` with the fence `claim`. It names the image by id and hashes: no file name, no owner.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"

    class Asker(models.TextChoices):
        VISITOR = "visitor", "the visitor who sent it"
        USER = "user", "a person who was logged in"
        TOKEN = "token", "a program"
        RETENTION = "retention", "retention by age"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    image = models.UUIDField(unique=True, help_text="The id that the image had.")
    classifier_slug = models.CharField(max_length=60)
    sha256 = models.CharField(max_length=64, help_text="Of the bytes that had been sent.")
    content = models.CharField(max_length=64, help_text="SHA-256 over mode, size and pixels, as datasets know it.")
    storage_key = models.CharField(max_length=200)
    asker = models.CharField(max_length=9, choices=Asker.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True, default="")
    reaches_datasets = models.BooleanField(help_text="Whether datasets that hold the same picture give it up too.")
    removed = models.JSONField(default=dict, help_text="How many rows of each kind went with it.")
    seen_by = models.JSONField(
        default=list, help_text="Training runs that had the picture: run, version, number, classifier, part, through."
    )
    datasets = models.JSONField(default=list, help_text="Datasets rewritten without it: id, name, before, after.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    trouble = models.CharField(max_length=300, blank=True, default="", help_text="Why it is not done yet.")
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="In a worker's hands, or not again before.")
    claim = models.PositiveIntegerField(default=0)
    requested_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="pending", done_at__isnull=True) | Q(state="done", done_at__isnull=False),
                name="done_deletion_has_end",
            )
        ]
        indexes = [models.Index(fields=["id"], condition=Q(done_at__isnull=True), name="deletion_pending")]

    def __str__(self) -> str:
        return f"{self.image}: {self.state}"
