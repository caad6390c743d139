"""Images: what was sent, and what the newest prediction says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from classifier.models import Image, Prediction
from classifier.presentation import describable, describe_prediction
from webapp.access import may_review
from webapp.admin import rendering
from webapp.admin.answer_filters import (
    AnswerLabelFilter,
    AnswerStateFilter,
    AnswerUnsureFilter,
    AnswerVersionFilter,
    ImageList,
    ReviewedFilter,
)
from webapp.admin.asking import ask_for, too_many
from webapp.admin.deleting import delete_chosen
from webapp.admin.exporting import export_chosen
from webapp.admin.filters import PeriodFilter
from webapp.admin.image_history import PredictionsOfImage, ReviewsOfImage
from webapp.admin.long_lists import LongListAdmin
from webapp.admin.reviewing import confirm_chosen, correct_chosen
from webapp.admin.searching import IMAGE_HINT, search_images

COLUMNS = (
    "small_picture",
    "name",
    "classifier",
    "state",
    "label",
    "confidence",
    "unsure",
    "answered_by",
    "reviewed_as",
    "owner",
    "created_at",
)
ANSWER = ("stored_picture", "name", "classifier", "state", "answer", "answered_by", "reviewed_as", "scores")
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


@admin.register(Image)
class ImageAdmin(LongListAdmin):
    """Newest first, with thumbnails and the newest answer."""

    list_display = COLUMNS
    list_display_links = ("small_picture", "name")
    list_filter = (
        AnswerStateFilter,
        AnswerUnsureFilter,
        ReviewedFilter,
        AnswerLabelFilter,
        AnswerVersionFilter,
        PeriodFilter,
        "classifier",
    )
    search_fields = ("id",)
    search_help_text = IMAGE_HINT
    actions = ("confirm", "correct", "ask_again", "export_csv", "delete_everywhere")
    inlines = (PredictionsOfImage, ReviewsOfImage)
    fieldsets = (
        (None, {"fields": ANSWER}),
        ("File", {"fields": FILE}),
    )
    readonly_fields = (*ANSWER, *FILE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Image]:
        return describable(super().get_queryset(request)).select_related("settled_label")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ImageList]:
        return ImageList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search_images(queryset, search_term), False

    def has_review_permission(self, request: HttpRequest) -> bool:
        """Whether "Confirm" and "Correct" are offered."""
        return may_review(request.user)

    @admin.action(description="Confirm what was answered", permissions=["review"])
    def confirm(self, request: HttpRequest, queryset: QuerySet[Image]) -> HttpResponse | None:
        return confirm_chosen(request, self, queryset)

    @admin.action(description="Correct: choose the label", permissions=["review"])
    def correct(self, request: HttpRequest, queryset: QuerySet[Image]) -> HttpResponse | None:
        return correct_chosen(request, self, queryset)

    @admin.action(description="Export CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Image]) -> StreamingHttpResponse:
        return export_chosen(queryset)

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

    @admin.display(description="label")
    def label(self, image: Image) -> str:
        newest = image.current_prediction
        return (describe_prediction(newest)["label"] or rendering.NOTHING) if newest else rendering.NOTHING

    @admin.display(description="confidence")
    def confidence(self, image: Image) -> str:
        newest = image.current_prediction
        return rendering.per_cent(newest.confidence) if newest and newest.confidence is not None else rendering.NOTHING

    @admin.display(description="unsure")
    def unsure(self, image: Image) -> str:
        newest = image.current_prediction
        return "unsure" if newest and newest.state == Prediction.State.DONE and newest.unsure else ""

    @admin.display(description="review")
    def reviewed_as(self, image: Image) -> str:
        if image.settled_label is not None:
            return image.settled_label.name
        return image.get_review_state_display() or rendering.NOTHING

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
