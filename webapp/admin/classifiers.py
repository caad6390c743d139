"""Classifiers with their labels; going back to the version that was live before."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from classifier.models import Classifier, Label
from webapp.admin import rendering
from webapp.admin.going_live import roll_back_classifier
from webapp.admin.read_only import ReadOnlyAdmin, ReadOnlyInline

FACTS = ("name", "slug", "is_default", "live_version", "target_precision", "left_right_differ", "created_at", "lists")


class LabelsOfClassifier(ReadOnlyInline):
    """In the order that never changes."""

    model = Label
    fields = readonly_fields = ("position", "name")


@admin.register(Classifier)
class ClassifierAdmin(ReadOnlyAdmin):
    """By slug."""

    list_display = ("name", "slug", "label_count", "live_version", "target_precision", "is_default", "created_at")
    actions = ("roll_back",)
    inlines = (LabelsOfClassifier,)
    fields = readonly_fields = FACTS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Classifier] = super().get_queryset(request).select_related("live_version")
        light = rows.defer("live_version__manifest", "live_version__metrics", "live_version__verdict")
        return light.annotate(label_count=Count("labels"))

    def has_roll_back_permission(self, request: HttpRequest) -> bool:
        """Whether "Roll back" is offered."""
        return self.user_may(request, "change_modelversion")

    @admin.action(description="Roll back to the version that was live before", permissions=["roll_back"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Classifier]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) == 1:
            roll_back_classifier(request, chosen[0])
        else:
            messages.error(request, "Choose one classifier to roll back. Nothing changed.")

    @admin.display(description="labels")
    def label_count(self, classifier: Classifier) -> int:
        count: int = classifier.label_count  # type: ignore[attr-defined] # annotated above
        return count

    @admin.display(description="lists")
    def lists(self, classifier: Classifier) -> str:
        return rendering.list_link("image", f"classifier__id__exact={classifier.pk}", "Its images")
