"""One accepted picture."""

from __future__ import annotations

from django.db import models

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
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["classifier", "owner", "content"], name="one_image_per_owner")]
        indexes = [
            models.Index(fields=["owner", "-id"], name="image_owner_newest"),
            models.Index(fields=["classifier", "-id"], name="image_classifier_newest"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def content_type(self) -> str:
        """The media type of the stored file."""
        return "image/png" if self.format == "PNG" else "image/jpeg"
