"""Retention: images older than RETENTION_DAYS are deleted like any other, a slice at a time, with a record each."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from classifier.deletions import SLICE, Asker, delete_rows
from classifier.models import Deletion, Image

logger = structlog.get_logger(__name__)

KEPT_STATES: Final = (Image.ReviewState.SETTLED, Image.ReviewState.DISPUTED)
_BY_AGE: Final = Asker(Deletion.Asker.RETENTION)


def delete_old_images(*, is_stopping: Callable[[], bool] = lambda: False, seconds: float = 300.0) -> int:
    """Delete what is too old, oldest first, for at most `seconds`; returns how many. Nothing where RETENTION_DAYS is 0.

    The objects are removed by whoever carries on pending deletions. Two workers at once delete everything once.
    """
    if not settings.RETENTION_DAYS:
        return 0
    ends = time.monotonic() + seconds
    reason = f"Older than {settings.RETENTION_DAYS} days."
    deleted, after = 0, None
    while time.monotonic() < ends and not is_stopping():
        ids = find_old_images(after=after)
        if not ids:
            break
        deleted += len(delete_rows(image_ids=ids, asked_by=_BY_AGE, reason=reason))
        after = ids[-1]
    if deleted:
        logger.info("old_images_deleted", images=deleted)
    return deleted


def find_old_images(*, after: UUID | None = None, limit: int = SLICE) -> list[UUID]:
    """The oldest images that are too old, behind the given id. Ids are ordered by time: this walks one index."""
    limit_moment = timezone.now() - timedelta(days=settings.RETENTION_DAYS)
    rows: QuerySet[Image] = Image.objects.filter(id__lt=first_id_of(limit_moment), created_at__lt=limit_moment)
    if settings.RETENTION_KEEP_REVIEWED:
        rows = rows.exclude(review_state__in=KEPT_STATES)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return list(rows.order_by("id").values_list("id", flat=True)[:limit])


def first_id_of(moment: datetime) -> UUID:
    """No id made before the moment is greater, none made after it is smaller (UUID version 7)."""
    return UUID(int=(int(moment.timestamp() * 1000) & ((1 << 48) - 1)) << 80)
