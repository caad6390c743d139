"""A registered artifact, and the history of what was live."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class ModelVersion(models.Model):
    """Stages: candidate → live → retired, retired → live (rollback), candidate → rejected, rejected → live (forced)."""

    class Stage(models.TextChoices):
        CANDIDATE = "candidate"
        LIVE = "live"
        RETIRED = "retired"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.CANDIDATE)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the artifact's manifest.")
    manifest = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    data_fingerprint = models.CharField(max_length=64, blank=True, default="")
    training_run = models.OneToOneField(
        "classifier.TrainingRun", null=True, blank=True, on_delete=models.PROTECT, related_name="model_version"
    )
    verdict = models.JSONField(default=dict, help_text="What the gate said: numbers and sentences.")
    evaluation = models.JSONField(
        default=dict,
        help_text="Its answers on the holdout as last measured: ml's metrics, the moment, the datasets.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["classifier", "number"], name="version_number_once"),
            models.UniqueConstraint(fields=["classifier"], condition=Q(stage="live"), name="one_live_version"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"

    @property
    def labels(self) -> list[str]:
        """The label names in the order of this version's scores."""
        names: list[str] = self.manifest.get("labels", [])
        return names


class PromotionRequest(models.Model):
    """A person asked for this version to go live; a worker loads and proves it first. One open request a classifier.

    waiting → done | refused.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="promotion_requests")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="promotion_requests")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    outcome = models.CharField(
        max_length=300, blank=True, default="", help_text="Why it was refused, or what it replaced."
    )
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["classifier"], condition=Q(state="waiting"), name="one_open_promotion_per_classifier"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.state}"


class LiveVersionChange(models.Model):
    """Append-only: which version went live when, by whom, and why."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="live_changes")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    previous = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.version} at {self.at:%Y-%m-%d %H:%M}"
