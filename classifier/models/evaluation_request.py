"""Somebody asked for a version to be measured again."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id

OPEN = Q(state__in=["waiting", "running"])


class EvaluationRequest(models.Model):
    """waiting → running → done | failed; running → waiting when its worker stops. One open request a version.

    Whoever stores an evaluation of the version answers it, so waiting → done is possible too. `claim` is the fence.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey("classifier.ModelVersion", on_delete=models.CASCADE, related_name="evaluation_requests")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    outcome = models.CharField(max_length=300, blank=True, default="", help_text="Why it failed.")
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="How often its worker fell silent.")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["version"], condition=OPEN, name="one_open_evaluation")]

    def __str__(self) -> str:
        return f"{self.version}: {self.state}"
