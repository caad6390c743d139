"""The action "Export CSV": the chosen images, read in pages while the answer is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from classifier.models import Image
from webapp.image_exports import EXPORTS

PAGE: Final = 500


def export_chosen(chosen: QuerySet[Image]) -> StreamingHttpResponse:
    """The columns of the gallery's export; formulas are only text in it."""
    content_type, export = EXPORTS["csv"]
    answer = StreamingHttpResponse(export(_walk(chosen)), content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="images-{timezone.now():%Y-%m-%d-%H%M}.csv"'
    return answer


def _walk(chosen: QuerySet[Image]) -> Iterator[Image]:
    """Newest first. No cursor stays open between two pages."""
    rows = chosen.select_related("classifier", "current_prediction", "settled_label").order_by("-id")
    page = list(rows[:PAGE])
    while page:
        yield from page
        page = list(rows.filter(id__lt=page[-1].id)[:PAGE])
