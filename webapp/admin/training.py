"""Datasets and training runs: what models learned from, and how it went."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.models import Dataset, TrainingRun
from webapp.admin import rendering
from webapp.admin.read_only import ReadOnlyAdmin

DATASET = (
    "name",
    "classifier",
    "image_count",
    "has_test_split",
    "digest",
    "created_at",
    "counts_block",
    "rejected_block",
)
RUN = ("name", "classifier", "state", "outcome", "worker", "created_at", "started_at", "ended_at", "fingerprint")
RUN_DETAILS = ("settings_block", "snapshot_block", "curves_block", "log_block")


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    """Newest first."""

    list_display = ("name", "classifier", "image_count", "has_test_split", "created_at")
    list_filter = ("classifier",)
    fields = readonly_fields = DATASET

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        return (
            super().get_queryset(request).select_related("classifier").defer("shards", "counts", "rejected", "labels")
        )

    @admin.display(description="images by split and label")
    def counts_block(self, dataset: Dataset) -> str:
        return rendering.json_block(dataset.counts)

    @admin.display(description="files that could not be read")
    def rejected_block(self, dataset: Dataset) -> str:
        return rendering.json_block(dataset.rejected)


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """Newest first."""

    list_display = ("title", "classifier", "state", "created_at", "started_at", "ended_at", "outcome")
    list_filter = ("classifier", "state")
    fieldsets = ((None, {"fields": RUN}), ("Details", {"fields": RUN_DETAILS, "classes": ("collapse",)}))
    readonly_fields = (*RUN, *RUN_DETAILS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        return super().get_queryset(request).select_related("classifier").defer("settings", "snapshot", "curves", "log")

    @admin.display(description="run")
    def title(self, run: TrainingRun) -> str:
        return str(run)

    @admin.display(description="settings")
    def settings_block(self, run: TrainingRun) -> str:
        return rendering.json_block(run.settings)

    @admin.display(description="data snapshot")
    def snapshot_block(self, run: TrainingRun) -> str:
        return rendering.json_block(run.snapshot)

    @admin.display(description="curves")
    def curves_block(self, run: TrainingRun) -> str:
        return rendering.json_block(run.curves)

    @admin.display(description="log")
    def log_block(self, run: TrainingRun) -> str:
        return rendering.text_block(run.log)
