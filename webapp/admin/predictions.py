"""Predictions: every answer and every wish, with scores and what went wrong."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from classifier.identifiers import parse_id
from classifier.models import Prediction
from classifier.presentation import describe_prediction
from webapp.admin import rendering
from webapp.admin.asking import ask_for, too_many
from webapp.admin.filters import LabelFilter, PeriodFilter, StateFilter, UnsureFilter, VersionFilter
from webapp.admin.long_lists import LongListAdmin
from webapp.admin.searching import HINT, image_condition

TOP = 3
COLUMNS = ("small_picture", "answer", "best_scores", "state", "classifier", "answered_by", "queued_at", "done_at")
ANSWER = ("stored_picture", "image", "classifier", "state", "answer", "answered_by", "scores", "unsure", "unfamiliar")
COURSE = (
    "id",
    "wished_version",
    "priority",
    "queued_at",
    "available_at",
    "worker",
    "lease_until",
    "claim",
    "failures",
    "failure_code",
    "failure_reason",
    "done_at",
)


@admin.register(Prediction)
class PredictionAdmin(LongListAdmin):
    """Newest wish first, with the best scores."""

    list_display = COLUMNS
    list_display_links = ("small_picture", "answer")
    list_filter = (StateFilter, UnsureFilter, LabelFilter, VersionFilter, PeriodFilter, "classifier")
    search_fields = ("id",)
    search_help_text = HINT
    actions = ("ask_again",)
    fieldsets = ((None, {"fields": ANSWER}), ("Course", {"fields": COURSE}))
    readonly_fields = (*ANSWER, *COURSE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        return super().get_queryset(request).select_related("image", "classifier")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        identifier = parse_id(search_term.strip())
        if identifier is not None:
            return queryset.filter(Q(id=identifier) | Q(image_id=identifier)), False
        condition = image_condition(search_term, path="image__")
        return (queryset.none() if condition is None else queryset.filter(condition)), False

    def has_ask_permission(self, request: HttpRequest) -> bool:
        """Whether "Ask again" is offered."""
        return self.user_may(request, "change_image")

    @admin.action(description="Ask again", permissions=["ask"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        if not too_many(request, queryset):
            rows = queryset.select_related("image__classifier", "wished_version")
            ask_for(request, ((row.image, row.wished_version) for row in rows))

    @admin.display(description="picture")
    def small_picture(self, row: Prediction) -> str:
        return rendering.thumbnail(row.image_id, row.image.name)

    @admin.display(description="picture")
    def stored_picture(self, row: Prediction) -> str:
        return rendering.picture(row.image_id, row.image.name)

    @admin.display(description="answer")
    def answer(self, row: Prediction) -> str:
        return rendering.answer_line(describe_prediction(row))

    @admin.display(description="best scores")
    def best_scores(self, row: Prediction) -> str:
        return rendering.score_lines(describe_prediction(row)["scores"], TOP)

    @admin.display(description="all scores")
    def scores(self, row: Prediction) -> str:
        return rendering.score_lines(describe_prediction(row)["scores"])

    @admin.display(description="model")
    def answered_by(self, row: Prediction) -> str:
        return rendering.version_of(describe_prediction(row))
