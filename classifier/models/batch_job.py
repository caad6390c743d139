"""Many files classified by one command: what was asked, and what became of each file."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class BatchJob(models.Model):
    """running → done. One that was interrupted stays running, and the same command goes on with it.

    Its files are listed first (`listed_at`), then sent in order: those before `sent_count` have been. One process at a
    time works on it, under a lease; `claim` is the fence.
    """

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
    item_count = models.PositiveIntegerField(default=0)
    sent_count = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    listed_at = models.DateTimeField(null=True, blank=True, help_text="When all its files stood in rows.")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["fingerprint"], condition=Q(state="running"), name="one_running_batch")
        ]

    def __str__(self) -> str:
        return f"{self.classifier}: {self.state}"


class BatchItem(models.Model):
    """One file of a batch, in its order: the image it became and the prediction it waits for, or why it was refused.

    A sent one without image and without refusal: its image was deleted since.
    """

    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField(help_text="Its place in the batch, from 0.")
    place = models.TextField(help_text="Path or storage URL of the file.")
    place_number = models.PositiveIntegerField(default=0, help_text="Which of the job's places it was found in.")
    image = models.ForeignKey(
        "classifier.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="batch_items"
    )
    prediction = models.ForeignKey(
        "classifier.Prediction", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    refusal_code = models.CharField(max_length=40, blank=True, default="")
    refusal = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="batch_item_once")]

    def __str__(self) -> str:
        return self.place
