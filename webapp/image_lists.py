"""Lists of images for pages, exports and REST: what they can be narrowed by, and pages by cursor, whatever the length.

A page never counts. What only few answers have (a label, a version, a failure) is looked up among the answers, the
newest answer first; everything else among the images, the newest image first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from classifier.classifiers import find_classifier
from classifier.errors import Refused
from classifier.identifiers import parse_id
from classifier.models import Image, Label, Prediction
from classifier.page_cursors import read_cursor, write_cursor
from webapp.query_values import read_share

State = Prediction.State
STATES: Final[dict[str, Q]] = {
    "done": Q(state=State.DONE),
    "unsure": Q(state=State.DONE, unsure=True),
    "waiting": Q(state__in=[State.QUEUED, State.CLAIMED]),
    "queued": Q(state=State.QUEUED),
    "claimed": Q(state=State.CLAIMED),
    "failed": Q(state=State.FAILED),
}
REVIEWED: Final[dict[str, Q]] = {
    "no": Q(review_state=""),
    "yes": Q(review_state=Image.ReviewState.SETTLED),
    "disputed": Q(review_state=Image.ReviewState.DISPUTED),
    "skipped": Q(review_state=Image.ReviewState.SKIPPED),
}
_OPEN_STATES: Final = frozenset({"waiting", "queued", "claimed"})
_RARE_STATES: Final = frozenset(STATES) - {"done"}


@dataclass(frozen=True, slots=True)
class ImageWish:
    """What is wanted, in the words of the address; empty: everything."""

    classifier: str = ""
    label: str = ""
    state: str = ""
    reviewed: str = ""
    model: str = ""
    min_confidence: str = ""
    source: str = ""
    name: str = ""

    def as_query(self) -> dict[str, str]:
        """What is not empty, for an address."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}


@dataclass(frozen=True, slots=True)
class ImagePage:
    """Images with their newest predictions and classifiers; `next_cursor` is None on the last page."""

    images: list[Image]
    next_cursor: str | None


def read_wish(given: Mapping[str, Any]) -> ImageWish:
    """From an address. Raises Refused for words that mean nothing."""
    words = {field.name: str(given.get(field.name) or "").strip() for field in fields(ImageWish)}
    if any("\x00" in value for value in words.values()):
        raise Refused("malformed_request", "The filters hold a character that no name has.")
    _check_word("state", words["state"], STATES)
    _check_word("reviewed", words["reviewed"], REVIEWED)
    _check_word("source", words["source"], Image.Source.values)
    _read_lowest(words["min_confidence"])
    return ImageWish(**words)


def read_page(images: QuerySet[Image], wish: ImageWish, *, are_all: bool, cursor: str, limit: int) -> ImagePage:
    """At most `limit` of these images, which are everybody's (`are_all`) or the few of one owner.

    Raises Refused, NotFound for a classifier that does not exist.
    """
    before = read_cursor(cursor) if cursor else None
    if are_all and (wish.label or wish.model or wish.state in _RARE_STATES):
        return _page_of_answers(wish, before, limit)
    rows = images.filter(_conditions_on_image(wish), _behind("current_prediction", _conditions_on_answer(wish)))
    if wish.classifier:
        rows = rows.filter(classifier=find_classifier(wish.classifier))
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows.select_related("classifier", "current_prediction", "settled_label").order_by("-id")[: limit + 1])
    return ImagePage(found[:limit], write_cursor(found[limit - 1].id) if len(found) > limit else None)


def _page_of_answers(wish: ImageWish, before: UUID | None, limit: int) -> ImagePage:
    """Each image once: only its newest answer counts."""
    rows = Prediction.objects.filter(_conditions_on_answer(wish), _behind("image", _conditions_on_image(wish)))
    # Not by comparing the columns of the joined image: PostgreSQL then takes one row for all that is left of a million
    # and sorts them, instead of walking the index until the page is full (1.2 s, and 9 ms so).
    rows = rows.filter(Exists(Image.objects.filter(current_prediction_id=OuterRef("id")).order_by()))
    if wish.state in _OPEN_STATES:
        # Few of a million: gathered from the small index of what has not ended, else SQLite walks through all.
        rows = rows.filter(id__in=Prediction.objects.filter(done_at__isnull=True).order_by().values("id"))
    if wish.classifier:
        rows = rows.filter(classifier=find_classifier(wish.classifier))
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows.select_related("image__classifier", "image__settled_label").order_by("-id")[: limit + 1])
    for answer in found:
        answer.image.current_prediction = answer
    cursor = write_cursor(found[limit - 1].id) if len(found) > limit else None
    return ImagePage([answer.image for answer in found[:limit]], cursor)


def _conditions_on_image(wish: ImageWish) -> Q:
    chosen = REVIEWED[wish.reviewed] if wish.reviewed else Q()
    if wish.source:
        chosen &= Q(source=wish.source)
    if wish.name:
        chosen &= Q(name__icontains=wish.name)
    return chosen


def _conditions_on_answer(wish: ImageWish) -> Q:
    chosen = STATES[wish.state] if wish.state else Q()
    if wish.label:
        chosen &= _label_condition(wish)
    if wish.model:
        identifier = parse_id(wish.model)
        chosen &= Q(model_version=identifier) if identifier else Q(pk__in=[])
    if share := _read_lowest(wish.min_confidence):
        chosen &= Q(confidence__gte=share)
    return chosen


def _label_condition(wish: ImageWish) -> Q:
    """With the classifier of the label, where one alone has it: the index begins with it."""
    labels = Label.objects.filter(name=wish.label)
    if wish.classifier:
        labels = labels.filter(classifier__slug=wish.classifier)
    found = list(labels.values_list("id", "classifier_id"))
    if len(found) == 1:
        return Q(label=found[0][0], classifier=found[0][1])
    return Q(label__in=[label for label, _ in found])


def _behind(relation: str, conditions: Q) -> Q:
    """The same conditions on what the relation leads to."""
    moved = Q(_connector=conditions.connector, _negated=conditions.negated)
    for child in conditions.children:
        moved.add(
            _behind(relation, child) if isinstance(child, Q) else Q((f"{relation}__{child[0]}", child[1])),  # type: ignore[index]
            conditions.connector,
        )
    return moved


def _check_word(name: str, value: str, known: Iterable[str]) -> None:
    if value and value not in known:
        raise Refused("malformed_request", f"The filter “{name}” is one of: {', '.join(known)}.")


def _read_lowest(text: str) -> float | None:
    return read_share(text, what="lowest confidence", such_as="0.9")
