"""What a reviewer is shown of an image. Of a blind one nothing that the model or a visitor said is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

from classifier.models import Image
from classifier.presentation import Score, describable, describe_prediction
from classifier.review_queue import QueueEntry

MOST_SCORES: Final = 35


class Guess(TypedDict):
    label: str
    confidence: float
    unsure: bool
    unfamiliar: bool
    model: int


class ReviewItem(TypedDict):
    """`version` goes back with the review. `scores` come best first, at most MOST_SCORES of them."""

    id: str
    version: int
    name: str
    width: int
    height: int
    blind: bool
    guess: Guess | None
    scores: list[Score]
    suggested: list[str]


def describe_entries(entries: Sequence[QueueEntry]) -> list[ReviewItem]:
    """In the given order; images that have gone meanwhile are left out."""
    images = describable(Image.objects.all()).in_bulk([entry.image_id for entry in entries])
    return [_describe(images[entry.image_id], entry) for entry in entries if entry.image_id in images]


def _describe(image: Image, entry: QueueEntry) -> ReviewItem:
    item: ReviewItem = {
        "id": str(image.id),
        "version": image.version,
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "blind": entry.is_blind,
        "guess": None,
        "scores": [],
        "suggested": [] if entry.is_blind else entry.suggested,
    }
    if image.current_prediction is None or entry.is_blind:
        return item
    answer = describe_prediction(image.current_prediction)
    if answer["label"] is not None and answer["model"] is not None:
        item["scores"] = answer["scores"][:MOST_SCORES]
        item["guess"] = {
            "label": answer["label"],
            "confidence": answer["scores"][0]["score"],
            "unsure": answer["unsure"],
            "unfamiliar": answer["unfamiliar"],
            "model": answer["model"]["version"],
        }
    return item
