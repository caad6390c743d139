"""The answer given to a request that carried an Idempotency-Key, so that a repeat gets the same one."""

from __future__ import annotations

from django.db import models


class IdempotencyKey(models.Model):
    """Written in the images' own transaction: the unique constraint decides between parallel equals."""

    scope = models.CharField(max_length=80, help_text="The token, user or visitor that sent it.")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    answer = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
