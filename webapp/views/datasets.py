"""`/datasets/<id>/`: what a dataset holds, some of its pictures, the files that could not be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from classifier.datasets import find_dataset_by_id
from classifier.label_counts import LabelCount, summarize_counts
from classifier.models import Dataset
from classifier.picture_packs import list_pack_pictures, read_pack_picture
from webapp.access import may_see_work, work_page
from webapp.picture_answers import answer_picture
from webapp.views.classifier_context import show_dataset

LABELS_SHOWN: Final = 100
_PREVIEW: Final = "/preview.zip"


@dataclass(frozen=True, slots=True)
class ShownLabel:
    """A label of the dataset with addresses of some of its pictures."""

    counted: LabelCount
    pictures: Sequence[str]


@require_safe
@cache_control(private=True, no_cache=True)
@work_page(may_see_work)
def dataset(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """One dataset."""
    found = find_dataset_by_id(dataset_id)
    by_label: dict[str, list[str]] = defaultdict(list)
    for member in list_pack_pictures(_preview_key(found)):
        by_label[member.partition("/")[0]].append(reverse("dataset-picture", args=[found.id, member]))
    counted = summarize_counts(found.labels, [found.counts])
    labels = [ShownLabel(label, by_label[str(place)]) for place, label in enumerate(counted[:LABELS_SHOWN])]
    context = {
        "classifier": found.classifier,
        "shown": show_dataset(found),
        "labels": labels,
        "labels_not_shown": len(counted) - len(labels),
    }
    return render(request, "dataset.html", context)


@require_safe
@work_page(may_see_work)
def dataset_picture(request: HttpRequest, dataset_id: str, member: str) -> HttpResponse:
    """One picture of the preview."""
    return answer_picture(read_pack_picture(_preview_key(find_dataset_by_id(dataset_id)), member))


def _preview_key(dataset: Dataset) -> str:
    keys = (str(entry["key"]) for entry in dataset.shards)
    return next((key for key in keys if key.endswith(_PREVIEW)), "")
