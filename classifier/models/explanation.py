"""Somebody asked why a version answered an image as it did; the heat map itself lies in object storage."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id

NOT_ENDED = Q(ended_at__isnull=True)


class Explanation(models.Model):
    """waiting → done | failed; failed → waiting when somebody asks again later, done → waiting where the map is gone.

    While waiting it may be in a worker's hands (`lease_until`); `claim` is the fence. Three workers that fall silent
    over it fail it.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    image = models.ForeignKey("classifier.Image", on_delete=models.CASCADE, related_name="explanations")
    version = models.ForeignKey("classifier.ModelVersion", on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    outcome = models.CharField(max_length=300, blank=True, default="", help_text="Why it failed.")
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="In a worker's hands, or not again before.")
    claim = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="How often its worker fell silent.")
    requested_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["image", "version"], name="one_explanation_per_version"),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at__isnull=True) | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="ended_explanation_has_end",
            ),
        ]
        indexes = [models.Index(fields=["requested_at"], condition=NOT_ENDED, name="explanation_waiting")]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"
