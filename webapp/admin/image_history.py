"""What happened to an image, on its page: every answer and every word of a reviewer."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.models import Prediction, Review
from classifier.presentation import describe_prediction
from webapp.admin import rendering
from webapp.admin.read_only import ReadOnlyInline


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


class ReviewsOfImage(ReadOnlyInline):
    """Who said what it is, newest first."""

    model = Review
    fk_name = "image"
    verbose_name_plural = "reviews"
    fields = readonly_fields = ("created_at", "user", "verdict", "label", "shown_label", "is_blind", "place")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return super().get_queryset(request).select_related("user", "label", "shown_label").order_by("-id")
