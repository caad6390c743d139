"""Which images a reviewer sees next: the audit's draws, visitors' suggestions, then what teaches most.

Handing out is a lease, taken by a conditional UPDATE: two reviewers never hold the same image at the same time, and a
reviewer who went away keeps nobody from it for long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, Q, QuerySet
from django.db.models.functions import Now

from classifier.alike_images import COMPARED, ShownImages
from classifier.database_time import is_lease_over, moments_from_now
from classifier.errors import Conflict, NotFound
from classifier.models import AuditDraw, Classifier, Image, Suggestion
from classifier.queue_filters import QueueFilter, open_draws, waiting_images
from classifier.write_transactions import write_transaction

LEASE_SECONDS: Final = 120
CANDIDATES: Final = 200
FIRST_CANDIDATES: Final = 25
LOOKED_THROUGH: Final = 3000


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
    shown = ShownImages(Image.objects.filter(id__in=held).only(*COMPARED))
    taken: list[QueueEntry] = []
    fresh = _without_alike(_candidates(classifier, wish or QueueFilter(), set(held)), shown)
    while len(taken) < count:
        chosen = list(islice(fresh, count - len(taken)))
        if not chosen:
            break
        mine = lease_images(image_ids=[entry.image_id for entry in chosen], user=user)
        taken += [entry for entry in chosen if entry.image_id in mine]
    return taken


def take_image(*, image_id: UUID, user: User) -> QueueEntry:
    """This very image, to look at it again. Raises NotFound, and Conflict while another reviewer holds it."""
    if not Image.objects.filter(id=image_id).exists():
        raise NotFound
    if not lease_images(image_ids=[image_id], user=user):
        raise Conflict("Another reviewer has this picture just now. Go on with the next one.", image=str(image_id))
    if AuditDraw.objects.filter(image_id=image_id, answered_at__isnull=True).exists():
        return QueueEntry(image_id, is_blind=True)
    open_words = Suggestion.objects.filter(image_id=image_id, handled_at__isnull=True).order_by("id")
    return QueueEntry(image_id, is_blind=False, suggested=list(open_words.values_list("label__name", flat=True)))


def take_many(*, classifier: Classifier, user: User, count: int, wish: QueueFilter | None = None) -> list[UUID]:
    """Images to assign together, those a reviewer holds already included; what the audit drew is never among them."""
    free = _is_free_for(user)
    rows = waiting_images(classifier, wish or QueueFilter()).filter(free).order_by("-usefulness", "id")
    found = list(rows.values_list("id", flat=True)[:count])
    mine = lease_images(image_ids=found, user=user)
    return [image_id for image_id in found if image_id in mine]


def lease_images(*, image_ids: Sequence[UUID], user: User) -> set[UUID]:
    """Those of the images that are this reviewer's for LEASE_SECONDS; somebody else holds the others."""
    free = _is_free_for(user)
    with write_transaction():
        # Those that another reviewer is taking at this moment are passed over, so nobody waits for anybody.
        rows = Image.objects.select_for_update(skip_locked=True, of=("self",)).filter(free, id__in=image_ids)
        mine = set(rows.order_by("id").values_list("id", flat=True))
        Image.objects.filter(id__in=mine).update(
            review_lease_user=user, review_lease_until=moments_from_now(LEASE_SECONDS)
        )
    return mine


def release_images(*, image_ids: Sequence[UUID], user: User) -> int:
    """Hand back what this reviewer holds; returns how many."""
    with write_transaction():
        return Image.objects.filter(id__in=image_ids, review_lease_user=user).update(
            review_lease_user=None, review_lease_until=None
        )


def release_all(*, user: User) -> None:
    """Hand back whatever this reviewer holds."""
    with write_transaction():
        Image.objects.filter(review_lease_user=user).update(review_lease_user=None, review_lease_until=None)


def count_waiting(classifier: Classifier, *, at_most: int = 10_000) -> int:
    """Images without a review; counting ends at `at_most`, so that a long queue costs no more than that."""
    rows = Image.objects.filter(classifier=classifier, usefulness__isnull=False).order_by()
    return rows.values("classifier_id")[:at_most].count()  # a column of the index: 1 ms for 10,000, 16 ms otherwise


def count_all_waiting(*, at_most: int) -> int:
    """The same over every classifier, from one list of them, so that each is looked up in the index."""
    rows = Image.objects.filter(classifier__in=list(Classifier.objects.values_list("id", flat=True))).order_by()
    return rows.filter(usefulness__isnull=False).values("classifier_id")[:at_most].count()


def count_wished(classifier: Classifier, *, wish: QueueFilter) -> int | None:
    """Those that pass the filter; None where more wait than can be looked through in a moment."""
    if wish.is_empty:
        return count_waiting(classifier)
    if count_waiting(classifier, at_most=LOOKED_THROUGH + 1) > LOOKED_THROUGH:
        return None
    return waiting_images(classifier, wish).order_by().count()


def _without_alike(entries: Iterable[QueueEntry], shown: ShownImages) -> Iterator[QueueEntry]:
    rest = iter(entries)
    while some := list(islice(rest, FIRST_CANDIDATES)):
        images = Image.objects.only(*COMPARED).in_bulk([entry.image_id for entry in some])
        for entry in some:
            image = images.get(entry.image_id)
            if image is not None and not shown.has_like(image):
                shown.add(image)
                yield entry


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
    rows = rows.filter(~Exists(open_draws("image_id")))
    found = _free(rows, "image__").order_by("id").values_list("image_id", "label__name")[:CANDIDATES]
    by_image: dict[UUID, list[str]] = {}
    for image_id, label in found:
        by_image.setdefault(image_id, []).append(label)
    return [QueueEntry(image_id, is_blind=False, suggested=labels) for image_id, labels in by_image.items()]


def _useful(classifier: Classifier, wish: QueueFilter) -> Iterable[QueueEntry]:
    """A few at first: with a filter that few pass, each further one costs a longer walk."""
    rows = _free(waiting_images(classifier, wish)).order_by("-usefulness", "id").values_list("id", flat=True)
    for most in (FIRST_CANDIDATES, CANDIDATES):
        found = list(rows[:most])
        yield from (QueueEntry(image_id, is_blind=False) for image_id in found)
        if len(found) < most:
            return


def _free(rows: QuerySet[Any], prefix: str = "") -> QuerySet[Any]:
    """Not in anybody's hands. One's own are given again only by name: they are on one's screen."""
    until = f"{prefix}review_lease_until"
    return rows.filter(Q(**{f"{until}__isnull": True}) | Q(**{f"{until}__lt": Now()}))


def _is_free_for(user: User) -> Q:
    return is_lease_over("review_lease_until") | Q(review_lease_user=user)
