"""Filters of the long lists; `answer_filters.py` brings those of predictions to the images."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from classifier.identifiers import first_id_at, parse_id
from classifier.models import Label, ModelVersion, Prediction
from classifier.models.prediction import OPEN

Choices = list[tuple[Any, str]]


class PeriodFilter(SimpleListFilter):
    """By age. Ids begin with their time, so a period is a range of ids: the list's own index."""

    title = "age"
    parameter_name = "age"
    periods: dict[str, tuple[str, timedelta]] = {
        "hour": ("Last hour", timedelta(hours=1)),
        "day": ("Last 24 hours", timedelta(days=1)),
        "week": ("Last 7 days", timedelta(days=7)),
        "month": ("Last 30 days", timedelta(days=30)),
    }

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(key, words) for key, (words, _) in self.periods.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        period = self.periods.get(self.value() or "")
        return queryset.filter(id__gte=first_id_at(timezone.now() - period[1])) if period else queryset


class StateFilter(SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [(state.value, state.label) for state in Prediction.State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in Prediction.State.values:
            return queryset
        if self.value() in {Prediction.State.QUEUED, Prediction.State.CLAIMED}:
            # A subquery in the words of the queue's partial index; else the whole table is walked in the list's order.
            waiting = Prediction.objects.filter(OPEN, state=self.value()).order_by()
            return queryset.filter(id__in=waiting.values("id"))
        return queryset.filter(state=self.value())


class UnsureFilter(SimpleListFilter):
    title = "certainty"
    parameter_name = "unsure"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [("yes", "Unsure"), ("no", "Sure")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(state=Prediction.State.DONE, unsure=self.value() == "yes")


class LabelFilter(SimpleListFilter):
    """Labels are named with their classifier, whose column comes first in the index."""

    title = "answer"
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        labels = Label.objects.select_related("classifier").order_by("classifier__slug", "position")
        return [(str(label.id), f"{label.classifier.slug}: {label.name}") for label in labels]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        label = find_chosen(self.value(), Label.objects.filter)
        if label is None:
            return queryset
        return queryset.filter(classifier_id=label.classifier_id, label_id=label.id)


class VersionFilter(SimpleListFilter):
    title = "model version"
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        versions = ModelVersion.objects.order_by("classifier__slug", "-number")
        rows = versions.values_list("id", "classifier__slug", "number")
        return [(str(identifier), f"{slug} v{number}") for identifier, slug, number in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        version = find_chosen(self.value(), ModelVersion.objects.only("id").filter)
        return queryset if version is None else queryset.filter(model_version_id=version.id)


def find_chosen(value: str | None, rows: Callable[..., QuerySet[Any]]) -> Any:
    """The row a filter's value names; None, hence no filtering, when it names none."""
    identifier = parse_id(value) if value else None
    return rows(id=identifier).first() if identifier else None
