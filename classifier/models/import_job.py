"""Pictures on their way to become a dataset: uploaded or named on a page, packed by a worker."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class ImportJob(models.Model):
    """queued → running → done | failed | cancelled; queued → cancelled; running → queued when its worker stops.

    `claim` is the fencing token, as in a training run. `classifier_slug` names the classifier before it exists: an
    import that fails leaves no classifier behind.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier_slug = models.SlugField(max_length=60)
    classifier_name = models.CharField(
        max_length=120, blank=True, default="", help_text="What a classifier that this import makes is called."
    )
    name = models.CharField(max_length=120)
    place = models.CharField(
        max_length=500, blank=True, default="", help_text="A storage URL, where nothing was uploaded."
    )
    storage_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="The folder of the uploaded parts, empty once they are deleted.",
    )
    file_name = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    done_count = models.PositiveIntegerField(default=0)
    total_count = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=500, blank=True, default="", help_text="What became of it, in words.")
    dataset = models.ForeignKey(
        "classifier.Dataset", null=True, blank=True, on_delete=models.SET_NULL, related_name="import_jobs"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    cancel_requested = models.BooleanField(default=False)
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="How often its worker fell silent.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["classifier_slug", "name"],
                condition=Q(state__in=["queued", "running"]),
                name="one_active_import_per_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
