"""The shapes of the API, as its OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class ErrorBody(Schema):
    code: str
    message: str
    details: dict[str, Any]


class Error(Schema):
    error: ErrorBody


class ScoreOut(Schema):
    label: str
    score: float


class ModelOut(Schema):
    id: str
    version: int


class FailureOut(Schema):
    code: str
    message: str


class PredictionOut(Schema):
    """`model` and `label` are null until the prediction is done; scores come best first and sum to 1."""

    id: str
    state: str
    label: str | None
    confidence: float | None
    unsure: bool
    unfamiliar: bool
    scores: list[ScoreOut]
    model: ModelOut | None
    failure: FailureOut | None
    queued_at: datetime
    done_at: datetime | None


class ExplanationOut(Schema):
    """A heat map that is being made; ask again after Retry-After."""

    state: str


class ImageOut(Schema):
    """`state` is that of the newest prediction; `version` grows with every visible change."""

    id: str
    name: str
    classifier: str
    sha256: str
    state: str
    duplicate: bool
    version: int
    width: int
    height: int
    notes: list[str]
    created_at: datetime
    prediction: PredictionOut | None


class RejectedOut(Schema):
    index: int
    name: str
    code: str
    message: str


class UploadOut(Schema):
    images: list[ImageOut]
    rejected: list[RejectedOut]


class ImagePageOut(Schema):
    images: list[ImageOut]
    next_cursor: str | None


class PredictionIn(Schema):
    """`model` is a model version's id; without it the live version answers."""

    model: str | None = None


class AccuracyOut(Schema):
    """Share of kept-aside pictures answered rightly, from 0 to 1, with its 95 % interval where that is known."""

    value: Share
    low: Share | None
    high: Share | None
    count: Annotated[int, Field(ge=0, description="How many pictures it was measured on")]
