"""Deletions: what was deleted when, and which versions had seen it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.deletion_work import list_versions
from classifier.models import Deletion
from webapp.admin import rendering
from webapp.admin.long_lists import LongListAdmin

WHAT = ("image", "classifier_slug", "sha256", "content", "asker", "user", "reason", "requested_at")
OUTCOME = ("state", "done_at", "trouble", "removed_rows", "rewritten", "versions", "trainings")


@admin.register(Deletion)
class DeletionAdmin(LongListAdmin):
    """Append-only; nothing here can be changed."""

    list_display = ("image", "classifier_slug", "asker", "user", "state", "requested_at", "done_at")
    list_filter = ("state", "asker")
    list_select_related = ("user",)
    fieldsets = ((None, {"fields": WHAT}), ("What became of it", {"fields": OUTCOME}))
    readonly_fields = (*WHAT, *OUTCOME)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deletion]:
        return super().get_queryset(request).order_by("-id")

    @admin.display(description="removed rows")
    def removed_rows(self, row: Deletion) -> str:
        return ", ".join(f"{kind}: {count}" for kind, count in row.removed.items()) or rendering.NOTHING

    @admin.display(description="rewritten datasets")
    def rewritten(self, row: Deletion) -> str:
        return rendering.json_block(row.datasets) if row.datasets else rendering.NOTHING

    @admin.display(description="versions that had seen it")
    def versions(self, row: Deletion) -> str:
        return ", ".join(f"{version.classifier} {version}" for version in list_versions(row)) or rendering.NOTHING

    @admin.display(description="training runs that had it")
    def trainings(self, row: Deletion) -> str:
        return rendering.json_block(row.seen_by) if row.seen_by else rendering.NOTHING
