"""One training job, with its frozen data snapshot, settings, curves and outcome."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id

ACTIVE = Q(state__in=["queued", "running"])


class TrainingRun(models.Model):
    """Allowed moves: queued → running → done | failed | cancelled; queued → cancelled; running → queued when the train
    worker stops (another goes on from the checkpoint); queued → failed when no trainer could start. One active run a
    classifier. `claim` is the fencing token.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Source(models.TextChoices):
        COMMAND = "command", "the command line"
        PAGE = "page", "a page"
        SCHEDULE = "schedule", "the schedule"
        API = "api", "the API"
        BROKER = "broker", "a message"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="training_runs")
    name = models.CharField(max_length=120, blank=True, default="")
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.COMMAND)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    settings = models.JSONField(default=dict)
    snapshot = models.JSONField(
        default=dict, help_text="Dataset digests, review ids and split counts, frozen at start."
    )
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    curves = models.JSONField(default=list, help_text="One entry an epoch.")
    progress = models.JSONField(
        default=dict, blank=True, help_text="While it runs: phase, share done (0 to 1), remaining seconds."
    )
    log = models.TextField(blank=True, default="")
    outcome = models.CharField(max_length=300, blank=True, default="")
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="How often its trainer fell silent.")
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["classifier"], condition=ACTIVE, name="one_active_run_per_classifier")
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)
