"""The shapes of the calls about reviews, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from webapp.api.schemas import ImageOut, ScoreOut


class ReviewIn(Schema):
    """`label` is what the picture is: needed to correct, and to confirm the answer that must still stand.

    `version` is the image's version that was looked at: where somebody reviewed it since, nothing is stored (409).
    `blind`: given without sight of the model's answer; it then enters the estimate of the live accuracy.
    `decides`: ends a disagreement between reviewers; for owners.
    """

    verdict: Literal["confirm", "correct", "skip", "withdraw"]
    label: Annotated[str | None, Field(max_length=120)] = None
    version: Annotated[int | None, Field(ge=0, lt=2**62)] = None
    blind: bool = False
    decides: bool = False
    place: Literal["queue", "page", "api"] = "api"


class ReviewedOut(ImageOut):
    """The image as it stands now. `kind`: a reviewer's word is a review, anybody else's on their own image a
    suggestion, which waits for a reviewer."""

    kind: Literal["review", "suggestion"]


class GuessOut(Schema):
    label: str
    confidence: float
    unsure: bool
    unfamiliar: bool
    model: int


class QueueEntryOut(Schema):
    """`blind`: drawn for the audit; the model's answer is not told. `suggested`: what visitors say it is."""

    id: str
    version: int
    name: str
    width: int
    height: int
    blind: bool
    guess: GuessOut | None
    scores: list[ScoreOut]
    suggested: list[str]


class QueueOut(Schema):
    """`waiting`: how many pictures wait in all, these included; counting ends at 10,000, and is left out (null) for a
    filter over more than 3,000."""

    entries: list[QueueEntryOut]
    waiting: int | None


class HeldIn(Schema):
    images: Annotated[list[str], Field(max_length=500)]


class RenewedOut(Schema):
    """`lost`: those that another reviewer has taken meanwhile."""

    lost: list[str]


class ReleasedOut(Schema):
    released: int
