"""Where a reviewer is: classifier, filters and mode, as the address of `/review/` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from classifier.classifiers import find_classifier
from classifier.errors import Refused
from classifier.models import Classifier
from classifier.queue_filters import QueueFilter
from webapp.review_filters import NAMES, read_filter

GRID = "grid"


@dataclass(frozen=True, slots=True)
class ReviewPlace:
    """`given` holds the filters as they were written; `trouble` why they were left out."""

    classifier: Classifier
    wish: QueueFilter
    given: dict[str, str]
    is_grid: bool
    is_named: bool
    trouble: str = ""

    def address(self, *, is_grid: bool | None = None, with_filters: bool = True, **more: str) -> str:
        """The same place, with or without its filters, in this mode or the other."""
        values = {"classifier": self.classifier.slug} if self.is_named else {}
        if with_filters:
            values |= self.given
        if self.is_grid if is_grid is None else is_grid:
            values["mode"] = GRID
        query = urlencode({**values, **more})
        return reverse("review") + (f"?{query}" if query else "")

    @property
    def here(self) -> str:
        return self.address()

    @property
    def other_mode(self) -> str:
        return self.address(is_grid=not self.is_grid)

    @property
    def without_filters(self) -> str:
        return self.address(with_filters=False)


def read_place(query: Mapping[str, str]) -> ReviewPlace:
    """Raises NotFound for a classifier that does not exist; filters that say nothing are left out."""
    classifier = find_classifier(query.get("classifier"))
    given = {name: text for name in NAMES if (text := query.get(name, "").strip())}
    trouble = ""
    try:
        wish = read_filter(given)
    except Refused as problem:
        wish, given, trouble = QueueFilter(), {}, problem.message
    return ReviewPlace(classifier, wish, given, query.get("mode") == GRID, bool(query.get("classifier")), trouble)
