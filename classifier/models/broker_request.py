"""A request that came over a message broker, and its answer."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class BrokerRequest(models.Model):
    """Written with the image's rows (or the run's), before the message is acknowledged: waiting → answered; answered →
    waiting when the same message comes again. `answer` is kept, so that a repeat gets the same one; `fingerprint` tells
    a repeat from another request under the same id. `worker` names the batch of the gateway that is answering, `claim`
    counts how often one took it.
    """

    class Kind(models.TextChoices):
        PREDICT = "predict"
        TRAIN = "train"
        EVALUATE = "evaluate"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.CharField(max_length=120, help_text="Broker and topic it came from: kafka:req_predict.")
    message_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    fingerprint = models.CharField(max_length=64, blank=True, default="", help_text="SHA-256 over what was asked.")
    reply_to = models.CharField(max_length=250)
    image = models.ForeignKey("classifier.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    prediction = models.ForeignKey(
        "classifier.Prediction", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    training_run = models.ForeignKey(
        "classifier.TrainingRun", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    evaluation = models.ForeignKey(
        "classifier.EvaluationRequest", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    answer = models.JSONField(null=True, blank=True, help_text="Once it is known; refusals have theirs at once.")
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["source", "message_id"], name="broker_request_once")]
        indexes = [
            models.Index(fields=["source", "id"], condition=Q(answered_at__isnull=True), name="broker_request_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.message_id}"
