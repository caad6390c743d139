"""A hashed, packed collection of labelled images."""

from __future__ import annotations

from django.db import models

from classifier.identifiers import new_id


class Dataset(models.Model):
    """Never edited after import, except that a deletion rewrites it without what was deleted (`rewrites` tells when).

    The same digest for the same classifier is the same dataset.

    `shards` lists its files in object storage, [{"key", "sha256", "size_bytes"}]; `counts` is {split: {label: n}};
    `labels` stand in the order in which the packed files number them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    classifier = models.ForeignKey("classifier.Classifier", on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64)
    shards = models.JSONField(default=list)
    labels = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    image_count = models.PositiveIntegerField(default=0)
    rejected = models.JSONField(default=list, help_text="The first files that could not be read: name and reason.")
    rejected_count = models.PositiveIntegerField(default=0)
    has_test_split = models.BooleanField(default=False)
    rewrites = models.JSONField(default=list, blank=True, help_text="Each with at, before, after, removed.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["classifier", "name"], name="dataset_name_once"),
            models.UniqueConstraint(fields=["classifier", "digest"], name="dataset_digest_once"),
        ]

    def __str__(self) -> str:
        return self.name
