"""The shapes of model versions and training runs, as the OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from webapp.api.schemas import AccuracyOut, Count, ModelOut, Share


class VerdictOut(Schema):
    """What the gate said of a version, in sentences, with the numbers they rest on."""

    passed: bool
    sentences: list[str]
    numbers: dict[str, Any]


class LabelFiguresOut(Schema):
    label: str
    count: Count
    precision: Share | None
    recall: Share | None
    f1: Share | None
    threshold: float | None


class MetricsOut(Schema):
    """Measured on the holdout. `confusion[truth][answer]` counts pictures, in the order of `per_label`; null where it
    was not kept."""

    count: int | None
    accuracy: Share
    accuracy_low: Share | None
    accuracy_high: Share | None
    top_3: Annotated[Share | None, Field(description="The right label is among the first three")]
    calibration_error: float | None
    sure_share: Annotated[Share | None, Field(description="Share of the answers that are not unsure")]
    sure_accuracy: Annotated[Share | None, Field(description="How many of these are right")]
    holdout_digest: Annotated[str | None, Field(description="Equal for versions measured on the same pictures")]
    measured_at: datetime | None
    per_label: list[LabelFiguresOut]
    confusion: list[list[int]] | None


class UsedDatasetOut(Schema):
    id: str
    name: str
    images: int


class DataOut(Schema):
    """What a version learned from."""

    fingerprint: str
    examples: dict[str, int]
    datasets: list[UsedDatasetOut]


class ChangeOut(Schema):
    """One time the version went live."""

    at: datetime
    replaced: ModelOut | None
    by: str | None
    reason: str


class ListedModelOut(Schema):
    """A trained version of a classifier. `candidate`: never live so far; `rejected`: the gate kept it out."""

    id: str
    version: int
    classifier: str
    stage: Literal["candidate", "live", "retired", "rejected"]
    digest: str
    accuracy: AccuracyOut | None
    training_run: str | None
    created_at: datetime


class WholeModelOut(ListedModelOut):
    labels: list[str]
    recipe: dict[str, Any]
    preprocessing: dict[str, Any]
    data: DataOut
    metrics: MetricsOut | None
    verdict: VerdictOut | None
    history: list[ChangeOut]


class ModelPageOut(Schema):
    models: list[ListedModelOut]
    next_cursor: str | None


class PromotionOut(Schema):
    """A wish that a version goes live. A worker loads it and tries it on pictures first; then it is `done`, or
    `refused` with the reason in `outcome`."""

    id: str
    classifier: str
    model: ModelOut
    state: Literal["waiting", "done", "refused"]
    reason: str
    outcome: str
    created_at: datetime
    ended_at: datetime | None


class EvaluationOut(Schema):
    """A wish that a version is measured on the holdout as it is now. Once it is `done`, the figures stand in the
    model's `metrics`."""

    id: str
    classifier: str
    model: ModelOut
    state: Literal["waiting", "running", "done", "failed"]
    outcome: str
    created_at: datetime
    ended_at: datetime | None


class ListedRunOut(Schema):
    """One training. `progress` (0 to 1) is null once it has ended; `model` is the version it made."""

    id: str
    classifier: str
    title: str
    source: Literal["command", "page", "schedule", "api"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    sentence: Annotated[str, Field(description="What it does, or how it ended")]
    progress: float | None
    accuracy: Annotated[Share | None, Field(description="On the holdout")]
    model: ModelOut | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class RunDataOut(Schema):
    """The frozen data. `counts` (by part and label) and `left_out` (by reason) are known once the run has begun."""

    datasets: list[UsedDatasetOut]
    labels: list[str]
    counts: dict[str, dict[str, int]]
    left_out: dict[str, int]


class RunOut(ListedRunOut):
    """`curves` has one entry an epoch; `log` is the end of the log, whose whole length is `log_length`."""

    epoch: int | None
    epochs: int | None
    remaining_seconds: float | None
    settings: dict[str, Any]
    data: RunDataOut
    curves: list[dict[str, Any]]
    log: str
    log_length: Count
    outcome: str
    verdict: VerdictOut | None


class RunPageOut(Schema):
    training_runs: list[ListedRunOut]
    next_cursor: str | None
