"""Lists that stay quick over a million rows: bounded counts, no sorting by columns without an index."""

from __future__ import annotations

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

from webapp.admin.read_only import ReadOnlyAdmin

LONGEST_LIST = 5000


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # generic in the stubs only
    """Counts and pages through the first LONGEST_LIST rows only; filters lead to the others."""

    @cached_property
    def _counted(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            # The order costs nothing to keep (it is that of an index) and lets the count stop at the bound.
            return rows.values("pk")[: LONGEST_LIST + 1].count()
        return len(rows)

    @cached_property
    def count(self) -> int:
        """Rows that can be paged through."""
        return min(self._counted, LONGEST_LIST)

    @property
    def is_cut(self) -> bool:
        """Are there more rows than the pages show?"""
        return self._counted > LONGEST_LIST


class LongListAdmin(ReadOnlyAdmin):
    """For tables that grow without end: newest first, by the time-ordered id."""

    paginator = BoundedPaginator
    sortable_by = ()
    change_list_template = "admin/long_list.html"
    longest_list = LONGEST_LIST
