"""What people said of images: reviews, visitors' suggestions, and what the audit drew. All to look at only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.models import AuditDraw, Review, Suggestion
from webapp.admin import rendering
from webapp.admin.filters import PeriodFilter
from webapp.admin.long_lists import LongListAdmin

REVIEW = (
    "small_picture",
    "verdict",
    "label",
    "shown_label",
    "user",
    "answered_by",
    "is_blind",
    "decides",
    "place",
    "created_at",
)
SUGGESTION = ("small_picture", "label", "owner", "created_at", "handled_at")
DRAW = (
    "small_picture",
    "stratum",
    "probability",
    "answered_by",
    "label",
    "answer",
    "drawn_at",
    "answered_at",
)
_HEAVY = ("manifest", "metrics", "verdict", "evaluation")


class _OfImages(LongListAdmin):
    """Rows that belong to an image, newest first."""

    list_display_links = ("small_picture",)
    rows_with: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related("image", *self.rows_with).order_by("-id")
        if "model_version" in self.rows_with:
            return rows.defer(*(f"model_version__{name}" for name in _HEAVY))
        return rows

    @admin.display(description="picture")
    def small_picture(self, row: Any) -> str:
        return rendering.thumbnail(row.image_id, row.image.name)

    @admin.display(description="image")
    def its_image(self, row: Any) -> str:
        return rendering.row_link("image", row.image_id, row.image.name or "Its image")

    @admin.display(description="model")
    def answered_by(self, row: Any) -> str:
        version = row.model_version
        return rendering.row_link("modelversion", version.pk, f"v{version.number}") if version else rendering.NOTHING


@admin.register(Review)
class ReviewAdmin(_OfImages):
    """Append-only: who, when, from what to what, and which version had answered."""

    list_display = REVIEW
    list_filter = ("verdict", "is_blind", "place", PeriodFilter, "classifier")
    rows_with = ("label", "shown_label", "user", "model_version")
    fields = readonly_fields = ("its_image", *REVIEW)


@admin.register(Suggestion)
class SuggestionAdmin(_OfImages):
    """What visitors say of their own images; a reviewer's word handles it."""

    list_display = SUGGESTION
    list_filter = (("handled_at", admin.EmptyFieldListFilter), PeriodFilter, "classifier")
    rows_with = ("label",)
    fields = readonly_fields = ("its_image", *SUGGESTION)


@admin.register(AuditDraw)
class AuditDrawAdmin(_OfImages):
    """What was drawn at random, with which probability. Whoever reviews should not look here first."""

    list_display = DRAW
    list_filter = ("stratum", ("answered_at", admin.EmptyFieldListFilter), PeriodFilter, "classifier")
    rows_with = ("label", "answer", "model_version")
    fields = readonly_fields = ("its_image", *DRAW)
