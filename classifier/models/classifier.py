"""One question with a fixed list of labels, and those labels."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class GatePolicy(models.TextChoices):
    """The same words as promotion_gate.Policy."""

    NO_HARM = "no_harm", "No evidence of harm"
    BETTER = "better", "Proven better"
    NOT_WORSE = "not_worse", "Not worse by more than a margin"


class Classifier(models.Model):
    """`live_version` alone decides what answers; the version's stage follows it in the same commit."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    live_version = models.ForeignKey(
        "classifier.ModelVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    repredicted_version = models.ForeignKey(
        "classifier.ModelVersion",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The live version for which all earlier images have been queued again.",
    )
    is_default = models.BooleanField(default=False, help_text="Answers uploads that name no classifier.")
    target_precision = models.FloatField(
        default=0.9,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text="How often a confident answer must be right; below it the answer is shown as unsure.",
    )
    left_right_differ = models.BooleanField(
        default=False, help_text="Training must not mirror pictures (letters, left or right hands)."
    )
    gate_policy = models.CharField(
        max_length=12,
        choices=GatePolicy.choices,
        default=GatePolicy.NO_HARM,
        help_text="What a newly trained version must show before it goes live by itself.",
    )
    gate_margin = models.FloatField(
        default=0.01,
        validators=[MinValueValidator(0.001), MaxValueValidator(0.2)],
        help_text="For the policy “not worse by more than”: the share of pictures, 0.01 for one in a hundred.",
    )
    train_every_hours = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(24 * 365)]
    )
    train_after_examples = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(10_000_000)]
    )
    next_training_at = models.DateTimeField(null=True, blank=True, help_text="Set while trainings repeat by the clock.")
    schedule_outcome = models.CharField(
        max_length=300, blank=True, default="", help_text="What the schedule did last, in words."
    )
    schedule_checked_at = models.DateTimeField(null=True, blank=True)
    audit_share_sure = models.FloatField(
        default=0.02,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="How many of the confident answers are drawn at random for a blind review.",
    )
    audit_share_unsure = models.FloatField(
        default=0.1, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)], help_text="And of the unsure ones."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_classifier")
        ]

    def __str__(self) -> str:
        return self.slug


class Label(models.Model):
    """One possible answer. Its position is its place in the label list, stable for ever."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["classifier", "position"]
        constraints = [
            models.UniqueConstraint(fields=["classifier", "name"], name="label_name_once"),
            models.UniqueConstraint(fields=["classifier", "position"], name="label_position_once"),
        ]

    def __str__(self) -> str:
        return self.name
