"""Many files classified by one command: what was asked, and what became of each file."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class BatchJob(models.Model):
    """running → done. One that was interrupted stays running, and the same command goes on with it."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="batch_jobs")
    wished_version = models.ForeignKey(
        "classifier.ModelVersion", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    places = models.JSONField(help_text="The folders, files and storage URLs that were named.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 over classifier, version and places.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["fingerprint"], condition=Q(state="running"), name="one_running_batch")
        ]

    def __str__(self) -> str:
        return f"{self.classifier}: {self.state}"


class BatchItem(models.Model):
    """One file of a batch, in its order: the image it became, or why it was refused."""

    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField(help_text="Its place in the batch, from 0.")
    place = models.CharField(max_length=1000, help_text="Path or storage URL of the file.")
    image = models.ForeignKey(
        "classifier.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="batch_items"
    )
    refusal_code = models.CharField(max_length=40, blank=True, default="")
    refusal = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="batch_item_once")]

    def __str__(self) -> str:
        return self.place
