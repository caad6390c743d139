"""Admin pages that show rows and change none: rows belong to the domain verbs."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest

SECRET_COLUMNS: Final = frozenset({"secret", "digest"})


class _NothingChanges:
    """Denies every way in which the admin itself would write."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(_NothingChanges, admin.ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """Rows to look at. What may be done to them are actions that call a domain verb."""

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Who may not see a secret must not ask for its first letter either: the admin filters by any column."""
        if lookup.split("__", maxsplit=1)[0] in SECRET_COLUMNS:
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type] # the stubs know no calls without

    def user_may(self, request: HttpRequest, codename: str) -> bool:
        """Django's own permissions decide who may start an action, although nothing here is edited by hand."""
        return bool(request.user.has_perm(f"classifier.{codename}"))


class ReadOnlyInline(_NothingChanges, admin.TabularInline):  # type: ignore[type-arg] # as above
    """Rows of another table on the page of the row they belong to."""

    extra = 0
    max_num = 0
    show_change_link = False
