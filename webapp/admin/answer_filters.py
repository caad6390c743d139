"""Filters of the images by their newest answer, and by review.

Joined, they take seconds at a million rows. So all that is chosen is looked up among the answers first, newest first
and no more of them than a list shows; each answer leads to its image.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.models import Image, Label, ModelVersion, Prediction
from webapp.admin import long_lists
from webapp.admin.filters import Choices, LabelFilter, StateFilter, UnsureFilter, VersionFilter, find_chosen

_State = Prediction.State
_ReviewState = Image.ReviewState


class _OfAnswer(SimpleListFilter):
    """Narrows nothing by itself: the list asks every such filter for its `conditions` on the answer."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset

    def conditions(self) -> dict[str, Any]:
        """Look-ups on a Prediction; empty where nothing, or nonsense, is chosen."""
        raise NotImplementedError


class AnswerStateFilter(_OfAnswer, StateFilter):
    def conditions(self) -> dict[str, Any]:
        if self.value() not in _State.values:
            return {}
        is_open = self.value() in {_State.QUEUED, _State.CLAIMED}
        return {"state": self.value(), **({"done_at__isnull": True} if is_open else {})}


class AnswerUnsureFilter(_OfAnswer, UnsureFilter):
    def conditions(self) -> dict[str, Any]:
        if self.value() not in {"yes", "no"}:
            return {}
        return {"state": _State.DONE, "unsure": self.value() == "yes"}


class AnswerLabelFilter(_OfAnswer, LabelFilter):
    def conditions(self) -> dict[str, Any]:
        label = find_chosen(self.value(), Label.objects.filter)
        return {"classifier_id": label.classifier_id, "label_id": label.id} if label else {}


class AnswerVersionFilter(_OfAnswer, VersionFilter):
    def conditions(self) -> dict[str, Any]:
        version = find_chosen(self.value(), ModelVersion.objects.only("id").filter)
        return {"model_version_id": version.id} if version else {}


class ReviewedFilter(SimpleListFilter):
    """Reviewed images have an index of their own; all others are most of them."""

    title = "review"
    parameter_name = "reviewed"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Choices:
        return [
            ("no", "Not reviewed"),
            (_ReviewState.SETTLED, "Reviewed"),
            (_ReviewState.DISPUTED, "Reviewers disagree"),
            (_ReviewState.SKIPPED, "Nobody could tell"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        state = self.review_state()
        return queryset if state is None else queryset.filter(review_state=state)

    def review_state(self) -> str | None:
        """As rows hold it; None where nothing is chosen."""
        if self.value() == "no":
            return ""
        return self.value() if self.value() in _ReviewState.values else None


class ImageList(ChangeList):
    """Applies what the filters of answers say together, once."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        images: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        conditions: dict[str, Any] = {}
        for spec in self.filter_specs:
            if isinstance(spec, _OfAnswer):
                conditions |= _together(conditions, spec.conditions())
        if not conditions:
            return images
        matching = images.filter(**{f"current_prediction__{name}": value for name, value in conditions.items()})
        if self._are_few():
            return matching
        # The bound lets the database begin with the answers; joined without it, it walks both tables whole.
        newest = Prediction.objects.filter(**conditions).order_by("-id").values("image_id")
        return matching.filter(id__in=newest[: long_lists.LONGEST_LIST + 1])

    def _are_few(self) -> bool:
        """Whether what was searched, or reviewed so, is found by an index of the images."""
        reviewed = [spec.review_state() for spec in self.filter_specs if isinstance(spec, ReviewedFilter)]
        return bool(self.query or any(reviewed))


def _together(known: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Both; two that contradict each other find nothing."""
    clash = any(known.get(name, value) != value for name, value in more.items())
    return {**more, "pk__in": []} if clash else more
