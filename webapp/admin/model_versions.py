"""Model versions: what is registered, what is live, what was; promoting one."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.models import LiveVersionChange, ModelVersion
from webapp.admin import rendering
from webapp.admin.going_live import promote_version
from webapp.admin.read_only import ReadOnlyAdmin

FACTS = ("classifier", "number", "stage", "holdout_accuracy", "created_at", "predictions")
ORIGIN = ("id", "digest", "data_fingerprint", "training_run", "label_names")
REPORT = ("verdict_block", "metrics_block", "manifest_block")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Newest first."""

    list_display = ("name", "classifier", "stage", "holdout_accuracy", "created_at", "short_digest")
    list_filter = ("classifier", "stage")
    actions = ("promote",)
    fieldsets = (
        (None, {"fields": FACTS}),
        ("Origin", {"fields": ORIGIN}),
        ("Report", {"fields": REPORT, "classes": ("collapse",)}),
    )
    readonly_fields = (*FACTS, *ORIGIN, *REPORT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return super().get_queryset(request).select_related("classifier").defer("manifest", "verdict")

    def has_promote_permission(self, request: HttpRequest) -> bool:
        """Whether "Promote" is offered."""
        return self.user_may(request, "change_modelversion")

    @admin.action(description="Promote: let this version answer", permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) == 1:
            promote_version(request, chosen[0])
        else:
            messages.error(request, "Choose one version to promote. Nothing changed.")

    @admin.display(description="version")
    def name(self, version: ModelVersion) -> str:
        return str(version)

    @admin.display(description="accuracy on the holdout")
    def holdout_accuracy(self, version: ModelVersion) -> str:
        holdout = version.metrics.get("holdout") or {}
        accuracy = holdout.get("accuracy")
        return rendering.per_cent(accuracy) if isinstance(accuracy, int | float) else rendering.NOTHING

    @admin.display(description="digest")
    def short_digest(self, version: ModelVersion) -> str:
        return version.digest[:12]

    @admin.display(description="predictions")
    def predictions(self, version: ModelVersion) -> str:
        return rendering.list_link("prediction", f"version={version.pk}", "Show them")

    @admin.display(description="labels")
    def label_names(self, version: ModelVersion) -> str:
        return ", ".join(version.labels)

    @admin.display(description="verdict")
    def verdict_block(self, version: ModelVersion) -> str:
        return rendering.json_block(version.verdict)

    @admin.display(description="metrics")
    def metrics_block(self, version: ModelVersion) -> str:
        return rendering.json_block(version.metrics)

    @admin.display(description="manifest")
    def manifest_block(self, version: ModelVersion) -> str:
        return rendering.json_block(version.manifest)


@admin.register(LiveVersionChange)
class LiveVersionChangeAdmin(ReadOnlyAdmin):
    """Which version went live when, by whom, and why."""

    list_display = ("at", "classifier", "version", "previous", "user", "reason")
    list_filter = ("classifier",)
    fields = readonly_fields = ("at", "classifier", "version", "previous", "user", "reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LiveVersionChange]:
        heavy = [f"{row}__{field}" for row in ("version", "previous") for field in ("manifest", "metrics", "verdict")]
        rows = super().get_queryset(request).select_related("classifier", "version", "previous", "user")
        return rows.defer(*heavy)
