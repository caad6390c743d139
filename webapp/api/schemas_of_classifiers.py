"""The shapes of classifiers, labels, datasets and imports, as the OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from webapp.api.schemas import AccuracyOut, Count, Share


class LiveAccuracyOut(Schema):
    """How often the live version is right on what people really send: estimated from answers drawn at random and
    reviewed blindly. `value` is null until 30 of them were answered."""

    value: Share | None
    low: Share | None
    high: Share | None
    drawn: Count
    answered: Count


class ThresholdOut(Schema):
    """An answer less sure than this is `unsure`; above 1 no answer with this label is ever sure."""

    label: str
    threshold: float


class ScheduleOut(Schema):
    """When it trains by itself: every so many hours, after so many new pictures, or (both null) only when asked."""

    every_hours: int | None
    after_examples: int | None
    next_at: datetime | None
    sentence: str
    outcome: Annotated[str, Field(description="What the schedule did last, in words")]


class GateOut(Schema):
    """What a newly trained version must show before it goes live by itself."""

    policy: Literal["no_harm", "better", "not_worse"]
    margin: Share


class WorkOut(Schema):
    """What people who work on the site see of a classifier."""

    target_precision: Annotated[float, Field(description="How often a sure answer must be right")]
    left_right_differ: Annotated[bool, Field(description="Training must not mirror pictures")]
    thresholds: list[ThresholdOut]
    schedule: ScheduleOut
    gate: GateOut
    measured_accuracy: AccuracyOut | None
    live_accuracy: LiveAccuracyOut | None


class ClassifierOut(Schema):
    """One question with a fixed list of labels. `live_version` is the number, `live_model` the id of the version that
    answers; both are null before the first training."""

    slug: Annotated[str, Field(description="Its name in addresses; it never changes")]
    name: str
    is_default: Annotated[bool, Field(description="Answers pictures that name no classifier")]
    labels: list[str]
    live_version: int | None
    live_model: str | None


class WholeClassifierOut(ClassifierOut):
    """`work` is null for who may not see the work on classifiers."""

    work: WorkOut | None


class ClassifierPageOut(Schema):
    classifiers: list[ClassifierOut]
    next_cursor: str | None


class LabelOut(Schema):
    """A label and its pictures: in the three parts of datasets, and those that reviewers agree on."""

    name: str
    images: Count
    train: Count
    validation: Count
    holdout: Count
    reviewed: Count
    missing: Annotated[int, Field(ge=0, description="About so many pictures more it needs for a threshold of its own")]


class LabelPageOut(Schema):
    labels: list[LabelOut]
    next_cursor: str | None


class ListedDatasetOut(Schema):
    """A collection of labelled pictures. The same digest means the same pictures under the same labels."""

    id: str
    name: str
    classifier: str
    digest: str
    image_count: Count
    rejected_count: Annotated[int, Field(ge=0, description="Files that gave no picture")]
    created_at: datetime


class RejectedFileOut(Schema):
    name: str
    reason: str


class DatasetOut(ListedDatasetOut):
    """`counts` are pictures by part (train, validation, holdout) and label."""

    labels: list[str]
    counts: dict[str, dict[str, int]]
    has_test_split: bool
    size_bytes: Count
    rejected: Annotated[list[RejectedFileOut], Field(description="The first 200 of them")]
    rewritten_at: Annotated[list[str], Field(description="When deletions took pictures out of it")]


class DatasetPageOut(Schema):
    datasets: list[ListedDatasetOut]
    next_cursor: str | None


class ImportOut(Schema):
    """Pictures on their way to become a dataset. `total` is 0 until the pictures were counted; `dataset` is there once
    the state is `done`."""

    id: str
    classifier: str
    name: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: Count
    total: Count
    outcome: str
    dataset: str | None
    created_at: datetime
    ended_at: datetime | None


class ImportPageOut(Schema):
    imports: list[ImportOut]
    next_cursor: str | None
