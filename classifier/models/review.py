"""What people say about images: a visitor's suggestion, a reviewer's verdict. Both are append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class Review(models.Model):
    """One reviewer's word on one image, with what the model had said to it then.

    `withdraw` takes the same reviewer's word before it back. `is_blind`: given without sight of the model's answer.
    `decides`: an owner's word, which ends a disagreement.
    """

    class Verdict(models.TextChoices):
        CONFIRM = "confirm"
        CORRECT = "correct"
        SKIP = "skip"
        WITHDRAW = "withdraw"

    class Place(models.TextChoices):
        QUEUE = "queue", "the review queue"
        GRID = "grid", "the grid"
        PAGE = "page", "the image's page"
        ADMIN = "admin", "the admin"
        API = "api", "the API"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    image = models.ForeignKey("classifier.Image", on_delete=models.CASCADE, related_name="reviews")
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="reviews")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    label = models.ForeignKey("classifier.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    shown_label = models.ForeignKey(
        "classifier.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    model_version = models.ForeignKey(
        "classifier.ModelVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="reviews"
    )
    is_blind = models.BooleanField(default=False)
    decides = models.BooleanField(default=False)
    place = models.CharField(max_length=5, choices=Place.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["skip", "withdraw"]) | Q(label__isnull=False), name="word_has_label"
            )
        ]
        indexes = [models.Index(fields=["classifier", "-id"], name="review_newest")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.id}"


class Suggestion(models.Model):
    """A visitor's tick or correction. It teaches nothing until a reviewer has looked at the image."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    image = models.ForeignKey("classifier.Image", on_delete=models.CASCADE, related_name="suggestions")
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="+")
    owner = models.CharField(max_length=80)
    label = models.ForeignKey("classifier.Label", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["image", "owner"], condition=Q(handled_at__isnull=True), name="one_open_suggestion_per_owner"
            )
        ]
        indexes = [
            models.Index(fields=["classifier", "id"], condition=Q(handled_at__isnull=True), name="suggestion_open")
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.label_id}"


class AuditDraw(models.Model):
    """A finished prediction drawn at random, with the probability it was drawn with, whatever the queue does.

    Answered by a blind review; only drawn and answered rows enter the estimate of the live accuracy.
    """

    class Stratum(models.TextChoices):
        SURE = "sure"
        UNSURE = "unsure"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    prediction = models.OneToOneField("classifier.Prediction", on_delete=models.CASCADE, related_name="audit_draw")
    image = models.ForeignKey("classifier.Image", on_delete=models.CASCADE, related_name="audit_draws")
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="+")
    model_version = models.ForeignKey("classifier.ModelVersion", on_delete=models.CASCADE, related_name="audit_draws")
    label = models.ForeignKey("classifier.Label", on_delete=models.PROTECT, related_name="+")
    stratum = models.CharField(max_length=6, choices=Stratum.choices)
    probability = models.FloatField()
    drawn_at = models.DateTimeField()
    review = models.ForeignKey(Review, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    answer = models.ForeignKey("classifier.Label", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True, help_text="Also set when a reviewer could not tell.")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["classifier", "id"], condition=Q(answered_at__isnull=True), name="audit_open"),
            models.Index(fields=["classifier", "model_version", "id"], name="audit_of_version"),
        ]

    def __str__(self) -> str:
        return f"{self.stratum} {self.id}"


class TrainingExample(models.Model):
    """A reviewed image as one training run saw it: with this label, in this part."""

    class Part(models.TextChoices):
        TRAIN = "train"
        VALIDATION = "validation", "kept aside to measure"
        HOLDOUT = "holdout", "kept aside to measure"
        LEFT_OUT = "left_out", "left out: nearly the same picture is kept aside to measure"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    training_run = models.ForeignKey(
        "classifier.TrainingRun", on_delete=models.CASCADE, related_name="reviewed_examples"
    )
    image = models.ForeignKey("classifier.Image", on_delete=models.CASCADE, related_name="training_examples")
    label = models.ForeignKey("classifier.Label", on_delete=models.PROTECT, related_name="+")
    part = models.CharField(
        max_length=10, choices=Part.choices, blank=True, default="", help_text="Empty until the run has sorted it."
    )

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["training_run", "image"], name="one_example_per_run")]

    def __str__(self) -> str:
        return f"{self.part} {self.image_id}"
