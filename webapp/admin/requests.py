"""What people asked for and what became of it: imports, promotions, evaluations, heat maps. To look at only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.models import EvaluationRequest, Explanation, ImportJob, PromotionRequest
from webapp.admin import rendering
from webapp.admin.long_lists import LongListAdmin
from webapp.admin.read_only import ReadOnlyAdmin

IMPORT = (
    "name",
    "classifier_slug",
    "state",
    "done_count",
    "total_count",
    "requested_by",
    "created_at",
    "started_at",
    "ended_at",
)
IMPORT_DETAILS = (
    "classifier_name",
    "place",
    "file_name",
    "dataset",
    "outcome",
    "cancel_requested",
    "worker",
    "lease_until",
    "claim",
    "failures",
)
PROMOTION = ("version_link", "classifier", "user", "state", "reason", "created_at", "ended_at")
EVALUATION = ("version_link", "user", "state", "created_at", "ended_at")
EXPLANATION = ("small_picture", "version_link", "state", "requested_at", "ended_at")
WORK = ("outcome", "worker", "lease_until")
_HEAVY = ("manifest", "metrics", "verdict", "evaluation")


class _OfVersions(ReadOnlyAdmin):
    """Rows about a model version, newest first."""

    rows_with: tuple[str, ...] = ("version__classifier",)
    list_display_links: Any = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related(*self.rows_with).order_by("-id")
        return rows.defer(*(f"version__{name}" for name in _HEAVY))

    @admin.display(description="version")
    def version_link(self, row: Any) -> str:
        version = row.version
        return rendering.row_link("modelversion", version.pk, f"{version.classifier.slug} v{version.number}")


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnlyAdmin):
    """Newest first; started and stopped on the page of the classifier."""

    list_display = IMPORT
    list_filter = ("state",)
    list_select_related = ("requested_by",)
    fields = readonly_fields = (*IMPORT, *IMPORT_DETAILS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportJob]:
        return super().get_queryset(request).order_by("-id")


@admin.register(PromotionRequest)
class PromotionRequestAdmin(_OfVersions):
    """Asked for on the page of the version."""

    list_display = PROMOTION
    list_display_links = ("state",)
    list_filter = ("state", "classifier")
    rows_with = ("version__classifier", "classifier", "user")
    fields = readonly_fields = (*PROMOTION, *WORK)


@admin.register(EvaluationRequest)
class EvaluationRequestAdmin(_OfVersions):
    """Asked for on the page of the version."""

    list_display = EVALUATION
    list_display_links = ("state",)
    list_filter = ("state",)
    rows_with = ("version__classifier", "user")
    fields = readonly_fields = (*EVALUATION, *WORK, "claim", "failures")


@admin.register(Explanation)
class ExplanationAdmin(LongListAdmin, _OfVersions):
    """Heat maps that somebody asked for on the page of an image."""

    list_display = EXPLANATION
    list_display_links = ("state",)
    list_filter = ("state",)
    rows_with = ("version__classifier", "image")
    fields = readonly_fields = (*EXPLANATION, *WORK, "claim", "failures")

    @admin.display(description="picture")
    def small_picture(self, row: Explanation) -> str:
        return rendering.thumbnail(row.image_id, row.image.name)
