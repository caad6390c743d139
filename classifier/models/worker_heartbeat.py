"""What each worker last said of itself."""

from __future__ import annotations

from django.db import models


class WorkerHeartbeat(models.Model):
    """One row per worker process; a row not seen for a day is removed."""

    worker = models.CharField(max_length=120, unique=True)
    queue = models.CharField(max_length=20)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    device = models.CharField(max_length=80, blank=True, default="")
    loaded_versions = models.JSONField(default=list, blank=True)
    batch_size = models.PositiveIntegerField(default=0)
    images_done = models.PositiveBigIntegerField(default=0)
    counters = models.JSONField(default=dict, blank=True, help_text="Sums since the worker started, for /metrics.")
    alarm = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ["worker"]

    def __str__(self) -> str:
        return self.worker
