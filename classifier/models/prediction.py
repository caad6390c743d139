"""One model version's answer for one image, from the wish to the result."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id
from classifier.request_ids import MAX_LENGTH

OPEN_STATES = Q(state__in=["queued", "claimed"])
# Says the same of a row, but without a value: SQLite uses a partial index only where the question repeats its condition
# word for word, which bound values never do. Finding work among a million ended rows takes 0.5 ms so, 230 ms without.
NOT_ENDED = Q(done_at__isnull=True)
OPEN = NOT_ENDED & OPEN_STATES


class Prediction(models.Model):
    """Allowed moves: queued → claimed → done | failed; claimed → queued (released, or lease ran out and claimed again);
    failed → queued (asked again). Every move is one conditional UPDATE in `classifier/predictions.py`.

    `claim` is the fencing token: +1 at each claim, never reset; a result must carry the number it was claimed with.
    `failures` counts what was this image's own fault, or a lease that ran out; three of them fail the row.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        CLAIMED = "claimed"
        DONE = "done"
        FAILED = "failed"

    PERSON_WAITS = 0
    PROGRAM = 5
    BULK = 9

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    image = models.ForeignKey("classifier.Image", on_delete=models.CASCADE, related_name="predictions")
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="+")
    wished_version = models.ForeignKey(
        "classifier.ModelVersion", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    model_version = models.ForeignKey(
        "classifier.ModelVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="predictions"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(default=PROGRAM)
    queued_at = models.DateTimeField()
    request_id = models.CharField(
        max_length=MAX_LENGTH, null=True, blank=True, help_text="Of the call that asked, as its log lines name it."
    )
    available_at = models.DateTimeField(null=True, blank=True, help_text="Not before this moment; empty: at once.")
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    failure_code = models.CharField(max_length=40, blank=True, default="")
    failure_reason = models.CharField(max_length=300, blank=True, default="")
    scores = models.JSONField(null=True, blank=True, help_text="Calibrated probabilities in the version's label order.")
    label = models.ForeignKey("classifier.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    confidence = models.FloatField(null=True, blank=True)
    unsure = models.BooleanField(default=False)
    unfamiliar = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~OPEN_STATES | NOT_ENDED, name="open_has_no_end"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(model_version__isnull=False, done_at__isnull=False),
                name="done_has_version",
            ),
            models.CheckConstraint(
                condition=~Q(state="claimed") | Q(lease_until__isnull=False), name="claim_has_lease"
            ),
            models.UniqueConstraint(
                fields=["image"], condition=OPEN_STATES & Q(wished_version__isnull=True), name="one_open_for_live"
            ),
            models.UniqueConstraint(
                fields=["image", "wished_version"], condition=OPEN_STATES, name="one_open_per_version"
            ),
            models.UniqueConstraint(
                fields=["image", "model_version"], condition=Q(state="done"), name="one_answer_per_version"
            ),
        ]
        indexes = [
            models.Index(fields=["priority", "queued_at"], condition=NOT_ENDED, name="prediction_queue"),
            models.Index(fields=["classifier", "priority", "queued_at"], condition=NOT_ENDED, name="prediction_work"),
            models.Index(fields=["classifier", "label", "-id"], name="prediction_label"),
            models.Index(fields=["-id"], condition=Q(state="failed"), name="prediction_failed"),
            models.Index(fields=["model_version", "-id"], name="prediction_version"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"
