"""Images: what was sent, and what the newest prediction says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from classifier.models import Image, Prediction
from classifier.presentation import describable, describe_prediction
from webapp.admin import rendering
from webapp.admin.asking import ask_for, too_many
from webapp.admin.deleting import delete_chosen
from webapp.admin.filters import PeriodFilter
from webapp.admin.long_lists import LongListAdmin
from webapp.admin.read_only import ReadOnlyInline
from webapp.admin.searching import HINT, image_condition

ANSWER = ("stored_picture", "name", "classifier", "state", "answer", "answered_by", "scores")
FILE = (
    "stored_as",
    "sent_as",
    "id",
    "owner",
    "source",
    "sha256",
    "content",
    "storage_key",
    "notes",
    "version",
    "created_at",
)


class PredictionsOfImage(ReadOnlyInline):
    """Every answer this picture has had or waits for."""

    model = Prediction
    fk_name = "image"
    verbose_name_plural = "predictions"
    fields = readonly_fields = ("state", "answer", "answered_by", "queued_at", "done_at", "link")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        return super().get_queryset(request).order_by("-id")

    @admin.display(description="answer")
    def answer(self, row: Prediction) -> str:
        return rendering.answer_line(describe_prediction(row))

    @admin.display(description="model")
    def answered_by(self, row: Prediction) -> str:
        return rendering.version_of(describe_prediction(row))

    @admin.display(description="")
    def link(self, row: Prediction) -> str:
        return rendering.row_link("prediction", row.pk, "Scores")


@admin.register(Image)
class ImageAdmin(LongListAdmin):
    """Newest first, with thumbnails. By answer and state, look through the predictions."""

    list_display = ("small_picture", "name", "classifier", "state", "answer", "answered_by", "owner", "created_at")
    list_display_links = ("small_picture", "name")
    list_filter = ("classifier", PeriodFilter)
    search_fields = ("id",)
    search_help_text = HINT
    actions = ("ask_again", "delete_everywhere")
    inlines = (PredictionsOfImage,)
    fieldsets = (
        (None, {"fields": ANSWER}),
        ("File", {"fields": FILE}),
    )
    readonly_fields = (*ANSWER, *FILE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Image]:
        return describable(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        condition = image_condition(search_term)
        return (queryset.none() if condition is None else queryset.filter(condition)), False

    def has_ask_permission(self, request: HttpRequest) -> bool:
        """Whether "Ask again" is offered."""
        return self.user_may(request, "change_image")

    @admin.action(description="Ask the live version again", permissions=["ask"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        if not too_many(request, queryset):
            ask_for(request, ((image, None) for image in queryset))

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Whether "Delete everywhere" is offered."""
        return self.user_may(request, "delete_image")

    @admin.action(description="Delete everywhere", permissions=["remove"])
    def delete_everywhere(self, request: HttpRequest, queryset: QuerySet[Image]) -> HttpResponse | None:
        return delete_chosen(request, self, queryset)

    @admin.display(description="picture")
    def small_picture(self, image: Image) -> str:
        return rendering.thumbnail(image.pk, image.name)

    @admin.display(description="picture")
    def stored_picture(self, image: Image) -> str:
        return rendering.picture(image.pk, image.name)

    @admin.display(description="state")
    def state(self, image: Image) -> str:
        return image.current_prediction.get_state_display() if image.current_prediction else rendering.NOTHING

    @admin.display(description="answer")
    def answer(self, image: Image) -> str:
        newest = image.current_prediction
        return rendering.answer_line(describe_prediction(newest)) if newest else rendering.NOTHING

    @admin.display(description="model")
    def answered_by(self, image: Image) -> str:
        newest = image.current_prediction
        return rendering.version_of(describe_prediction(newest)) if newest else rendering.NOTHING

    @admin.display(description="scores")
    def scores(self, image: Image) -> str:
        newest = image.current_prediction
        return rendering.score_lines(describe_prediction(newest)["scores"]) if newest else rendering.NOTHING

    @admin.display(description="stored as")
    def stored_as(self, image: Image) -> str:
        return f"{image.format}, {image.width} by {image.height} pixels, {image.size_bytes / 1000:.1f} kB"

    @admin.display(description="sent as")
    def sent_as(self, image: Image) -> str:
        return f"{image.original_width} by {image.original_height} pixels"
