"""Which images a reviewer sees next: the audit's draws, visitors' suggestions, then what teaches most.

Handing out is one conditional UPDATE an image, a lease: two reviewers never hold the same image at the same time, and
a reviewer who went away keeps nobody from it for long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from classifier.database_time import moments_from_now
from classifier.models import AuditDraw, Classifier, Image, Suggestion
from classifier.write_transactions import write_transaction

LEASE_SECONDS: Final = 120
CANDIDATES: Final = 200
NEAR_BITS: Final = 10
NEAR_SIDE: Final = 96


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What the reviewer wants to see; nothing said, everything. Filters leave the audit's draws out: they are blind."""

    label: str = ""
    most_confidence: float | None = None
    since: datetime | None = None
    version: UUID | None = None
    source: str = ""

    @property
    def is_empty(self) -> bool:
        return self == QueueFilter()


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One image in a reviewer's hands. `is_blind`: the model's answer must not be shown."""

    image_id: UUID
    is_blind: bool
    suggested: list[str] = field(default_factory=list)


def take_entries(
    *, classifier: Classifier, user: User, count: int, wish: QueueFilter | None = None, held: Sequence[UUID] = ()
) -> list[QueueEntry]:
    """Up to `count` further images, leased to this reviewer; those in `held` are on the screen already.

    At most one of a group of near-duplicates is handed out at a time.
    """
    wish = wish or QueueFilter()
    taken: list[QueueEntry] = []
    shown = _Shown(Image.objects.filter(id__in=held).only("content", "difference_hash", "width", "height"))
    for entry in _candidates(classifier, wish, set(held)):
        if len(taken) == count:
            break
        image = Image.objects.only("id", "content", "difference_hash", "width", "height").get(id=entry.image_id)
        if shown.has_like(image) or not lease_image(image_id=image.id, user=user):
            continue
        shown.add(image)
        taken.append(entry)
    return taken


def lease_image(*, image_id: UUID, user: User) -> bool:
    """The image is this reviewer's for LEASE_SECONDS; False where somebody else holds it."""
    free = Q(review_lease_until__isnull=True) | Q(review_lease_until__lt=Now()) | Q(review_lease_user=user)
    with write_transaction():
        return bool(
            Image.objects.filter(free, id=image_id).update(
                review_lease_user=user, review_lease_until=moments_from_now(LEASE_SECONDS)
            )
        )


def release_images(*, image_ids: Sequence[UUID], user: User) -> int:
    """Hand back what this reviewer holds; returns how many."""
    with write_transaction():
        return Image.objects.filter(id__in=image_ids, review_lease_user=user).update(
            review_lease_user=None, review_lease_until=None
        )


def count_waiting(classifier: Classifier, *, at_most: int = 10_000) -> int:
    """Images without a review; counting ends at `at_most`, so that a long queue costs no more than that."""
    rows = Image.objects.filter(classifier=classifier, usefulness__isnull=False).values("id")[:at_most]
    return len(rows)


def _candidates(classifier: Classifier, wish: QueueFilter, held: set[UUID]) -> Iterator[QueueEntry]:
    seen = set(held)
    for source in (_audited, _suggested, _useful):
        for entry in source(classifier, wish):
            if entry.image_id not in seen:
                seen.add(entry.image_id)
                yield entry


def _audited(classifier: Classifier, wish: QueueFilter) -> Iterable[QueueEntry]:
    """The oldest draws first."""
    if not wish.is_empty:
        return []
    draws = AuditDraw.objects.filter(classifier=classifier, answered_at__isnull=True).order_by("id")
    ids = _free(draws, "image__").values_list("image_id", flat=True)[:CANDIDATES]
    return [QueueEntry(image_id, is_blind=True) for image_id in ids]


def _suggested(classifier: Classifier, wish: QueueFilter) -> Iterable[QueueEntry]:
    if not wish.is_empty:
        return []
    rows = Suggestion.objects.filter(classifier=classifier, handled_at__isnull=True, image__usefulness__isnull=False)
    found = _free(rows, "image__").order_by("id").values_list("image_id", "label__name")[:CANDIDATES]
    by_image: dict[UUID, list[str]] = {}
    for image_id, label in found:
        by_image.setdefault(image_id, []).append(label)
    return [QueueEntry(image_id, is_blind=False, suggested=labels) for image_id, labels in by_image.items()]


def _useful(classifier: Classifier, wish: QueueFilter) -> Iterable[QueueEntry]:
    images = Image.objects.filter(classifier=classifier, usefulness__isnull=False)
    ids = _free(_filtered(images, wish)).order_by("-usefulness", "id").values_list("id", flat=True)[:CANDIDATES]
    return [QueueEntry(image_id, is_blind=False) for image_id in ids]


def _filtered(images: QuerySet[Image], wish: QueueFilter) -> QuerySet[Image]:
    conditions: dict[str, Any] = {
        "current_prediction__label__name": wish.label or None,
        "current_prediction__confidence__lte": wish.most_confidence,
        "current_prediction__model_version": wish.version,
        "created_at__gte": wish.since,
        "source": wish.source or None,
    }
    return images.filter(**{name: value for name, value in conditions.items() if value is not None})


def _free(rows: QuerySet[Any], prefix: str = "") -> QuerySet[Any]:
    """Not in anybody's hands. One's own are given again only by name: they are on one's screen."""
    until = f"{prefix}review_lease_until"
    return rows.filter(Q(**{f"{until}__isnull": True}) | Q(**{f"{until}__lt": Now()}))


class _Shown:
    """What was handed out just now, to tell near-duplicates."""

    def __init__(self, images: Iterable[Image]) -> None:
        self._contents: set[str] = set()
        self._hashes: list[int] = []
        for image in images:
            self.add(image)

    def add(self, image: Image) -> None:
        self._contents.add(image.content)
        if is_large(image):
            self._hashes.append(int.from_bytes(bytes(image.difference_hash)))

    def has_like(self, image: Image) -> bool:
        """Equal pixels; or, where pictures are large enough to tell, a difference hash within NEAR_BITS."""
        if image.content in self._contents:
            return True
        if not is_large(image):
            return False
        mine = int.from_bytes(bytes(image.difference_hash))
        return any((mine ^ other).bit_count() <= NEAR_BITS for other in self._hashes)


def is_large(image: Image) -> bool:
    """Whether its difference hash says anything: on silhouettes of 28 pixels different pictures share one."""
    return max(image.width, image.height) > NEAR_SIDE
