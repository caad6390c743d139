"""What the site answers, as plain values. `raw` always holds the whole JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Document = dict[str, Any]
"""A classifier, a model version, a training run … exactly as the site's API documentation shows it."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One model version's answer. `state`: queued, claimed, done or failed; all else is empty until it is done."""

    id: str
    state: str
    label: str | None
    confidence: float | None
    unsure: bool
    scores: Mapping[str, float]
    """Label → score, best first."""
    model_version: int | None
    failure: str | None
    """Why it failed, as a sentence."""

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Prediction:
        """From the site's JSON."""
        model, failure = raw.get("model"), raw.get("failure")
        return cls(
            id=raw["id"],
            state=raw["state"],
            label=raw["label"],
            confidence=raw["confidence"],
            unsure=raw["unsure"],
            scores={entry["label"]: entry["score"] for entry in raw["scores"]},
            model_version=model["version"] if model else None,
            failure=failure["message"] if failure else None,
        )


@dataclass(frozen=True, slots=True)
class Image:
    """One stored picture with its newest prediction. `version` grows with every change; a review names it."""

    id: str
    name: str
    classifier: str
    state: str
    version: int
    prediction: Prediction | None
    raw: Document = field(repr=False, compare=False)

    @classmethod
    def read(cls, raw: Document) -> Image:
        """From the site's JSON."""
        answer = raw["prediction"]
        return cls(
            id=raw["id"],
            name=raw["name"],
            classifier=raw["classifier"],
            state=raw["state"],
            version=raw["version"],
            prediction=Prediction.read(answer) if answer else None,
            raw=raw,
        )

    @property
    def label(self) -> str | None:
        """The newest answer; None until it is there."""
        return self.prediction.label if self.prediction else None

    @property
    def is_answered(self) -> bool:
        """Nothing more will come of the newest prediction."""
        return self.state in {"done", "failed"}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a file was not taken."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of one request: `images` in sending order, `rejected` by place in the request."""

    images: Sequence[Image]
    rejected: Mapping[int, Rejection]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Upload:
        """From the site's JSON."""
        return cls([Image.read(entry) for entry in raw["images"]], read_rejected(raw["rejected"]))


@dataclass(frozen=True, slots=True)
class Result:
    """What `classify` says of one file: an image with its answer, or why there is none."""

    path: str
    image: Image | None = None
    rejection: Rejection | None = None

    @property
    def label(self) -> str | None:
        return self.image.label if self.image else None

    @property
    def confidence(self) -> float | None:
        return self.image.prediction.confidence if self.image and self.image.prediction else None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list and where the next one begins; None on the last."""

    items: Sequence[Item]
    next_cursor: str | None


def read_rejected(raw: Sequence[Mapping[str, Any]]) -> dict[int, Rejection]:
    """By place in the request."""
    return {entry["index"]: Rejection(entry["code"], entry["message"]) for entry in raw}
