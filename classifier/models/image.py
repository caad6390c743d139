"""One accepted picture."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from classifier.identifiers import new_id


class Image(models.Model):
    """The normalised file in storage and what was computed once when it was accepted.

    `owner` is `user:<id>`, `visitor:<random id>` or `token:<id>`; `version` grows with every change a viewer can see.
    """

    class Source(models.TextChoices):
        PAGE = "page"
        API = "api"
        COMMAND = "command"
        BROKER = "broker"

    class ReviewState(models.TextChoices):
        """Empty while nobody has looked."""

        SETTLED = "settled"
        DISPUTED = "disputed"
        SKIPPED = "skipped"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.PROTECT, related_name="images")
    owner = models.CharField(max_length=80)
    name = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, db_index=True, help_text="Of the bytes that were sent.")
    file_sha256 = models.CharField(max_length=64, help_text="Of the stored file; the worker checks it.")
    content = models.CharField(max_length=64, help_text="SHA-256 over mode, size and pixels of the normalised picture.")
    difference_hash = models.BinaryField(max_length=32)
    storage_key = models.CharField(max_length=200, unique=True)
    format = models.CharField(max_length=4)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    original_width = models.PositiveIntegerField()
    original_height = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()
    notes = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=8, choices=Source.choices)
    version = models.PositiveBigIntegerField(default=1)
    current_prediction = models.OneToOneField(
        "classifier.Prediction", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    review_state = models.CharField(max_length=8, choices=ReviewState.choices, default="", blank=True)
    settled_label = models.ForeignKey(
        "classifier.Label",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What it is, as reviewers agree.",
    )
    reviewed_version = models.PositiveBigIntegerField(
        default=0, help_text="`version` as its newest review left it: who saw an older one lost an update."
    )
    usefulness = models.FloatField(
        null=True, blank=True, help_text="While it waits for review: 1 - (p1 - p2) of its newest answer."
    )
    review_lease_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    review_lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("review_image", "Can review images"),
            ("decide_image", "Can decide what reviewers disagree on"),
        ]
        constraints = [models.UniqueConstraint(fields=["classifier", "owner", "content"], name="one_image_per_owner")]
        indexes = [
            models.Index(fields=["owner", "-id"], name="image_owner_newest"),
            models.Index(fields=["classifier", "-id"], name="image_classifier_newest"),
            models.Index(
                fields=["classifier", "-usefulness", "source"],
                condition=Q(usefulness__isnull=False),
                name="image_review_queue",
            ),
            models.Index(
                fields=["classifier", "settled_label", "-id"],
                condition=Q(settled_label__isnull=False),
                name="image_settled",
            ),
            models.Index(fields=["review_state", "-id"], condition=~Q(review_state=""), name="image_reviewed"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def content_type(self) -> str:
        """The media type of the stored file."""
        return "image/png" if self.format == "PNG" else "image/jpeg"
