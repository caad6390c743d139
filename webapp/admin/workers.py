"""Worker heartbeats: who works, with which models, and what is wrong with them."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from classifier.identifiers import parse_id
from classifier.models import ModelVersion, WorkerHeartbeat
from webapp.admin import rendering
from webapp.admin.read_only import ReadOnlyAdmin

FACTS = (
    "worker",
    "queue",
    "is_heard",
    "alarm",
    "seen_at",
    "started_at",
    "device",
    "models",
    "batch_size",
    "images_done",
)


@lru_cache(maxsize=1024)
def _version_name(version_id: UUID) -> str:
    """`fashion v3`; neither part ever changes. Raises ModelVersion.DoesNotExist, which is not remembered."""
    slug, number = ModelVersion.objects.values_list("classifier__slug", "number").get(id=version_id)
    return f"{slug} v{number}"


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin):
    """By name; whoever has not been heard of lately is shown as such."""

    list_display = (
        "worker",
        "queue",
        "is_heard",
        "alarm",
        "models",
        "batch_size",
        "images_done",
        "seen_at",
        "started_at",
    )
    list_filter = ("queue",)
    fields = readonly_fields = (*FACTS, "counters_block")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        lately = Q(seen_at__gte=Now() - timedelta(seconds=max(3 * settings.HEARTBEAT_SECONDS, 1.0)))
        rows: QuerySet[WorkerHeartbeat] = super().get_queryset(request)
        return rows.annotate(heard=ExpressionWrapper(lately, output_field=BooleanField()))

    @admin.display(description="heard lately", boolean=True)
    def is_heard(self, row: WorkerHeartbeat) -> bool:
        heard: bool = row.heard  # type: ignore[attr-defined] # annotated above
        return heard

    @admin.display(description="models")
    def models(self, row: WorkerHeartbeat) -> str:
        return ", ".join(_name(text) for text in row.loaded_versions) or rendering.NOTHING

    @admin.display(description="counters")
    def counters_block(self, row: WorkerHeartbeat) -> str:
        return rendering.json_block(row.counters)


def _name(version_id: str) -> str:
    identifier = parse_id(version_id)
    try:
        return _version_name(identifier) if identifier else version_id
    except ModelVersion.DoesNotExist:
        return f"{version_id[:8]} (deleted)"
