"""A program's key to the API: known by its digest only."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from classifier.identifiers import new_id


class ApiToken(models.Model):
    """Usable while neither revoked nor expired, and while its user may log in. It can do what both its scopes and its
    user's rights allow; a revoked one is kept, so that what it made stays explained.
    """

    class Scope(models.TextChoices):
        PREDICT = "predict", "send pictures, read their answers, suggest corrections"
        REVIEW = "review", "see everybody's images and say what they are"
        TRAIN = "train", "see classifiers, datasets, trainings and models; import, train, evaluate"
        ADMIN = "admin", "change classifiers, promote, roll back, delete, manage tokens, and everything above"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=120, help_text="What uses it.")
    prefix = models.CharField(max_length=16, help_text="Its first characters, to recognise it by.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the whole token.")
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
