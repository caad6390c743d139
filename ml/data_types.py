"""Plain data that crosses the border of the ml floor. Nothing here imports TensorFlow, so every process may load it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ml.errors import MlError
from ml.preprocessing import Preprocessing

Pixels = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says about one picture. `scores` are calibrated, in label order, and sum to 1."""

    label_index: int
    confidence: float
    scores: list[float]
    unsure: bool
    unfamiliar: bool


@runtime_checkable
class Predictor(Protocol):
    """What the gpu worker needs of a model; `inference.LoadedModel` is the real one, tests bring their own."""

    @property
    def labels(self) -> list[str]: ...

    @property
    def preprocessing(self) -> Preprocessing: ...

    @property
    def memory_bytes(self) -> int: ...

    def warm_up(self, max_batch: int = 64, seconds: float = 1.0) -> int:
        """Run the model until it is fast; return how many pictures it answers in `seconds`, at most `max_batch`."""
        ...

    def prepare(self, data: bytes) -> Pixels:
        """Bytes of one picture → uint8 (height, width, channels). Raises `images.UnreadableImage`."""
        ...

    def predict(self, batch: Pixels) -> list[Answer]:
        """uint8 (n, height, width, channels) → n answers, in order."""
        ...


class Split(StrEnum):
    """Where an example belongs. It follows from the example's content alone and never changes."""

    TRAIN = "train"
    VALIDATION = "validation"
    HOLDOUT = "holdout"


class Pictures(Protocol):
    """Prepared pictures uint8 (n, height, width, channels): an array, or what reads like one by places."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def ndim(self) -> int: ...

    def __len__(self) -> int: ...

    def __getitem__(self, places: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Prepared pictures with their answers: `images` uint8 (n, height, width, channels), `labels` int32 (n,)."""

    images: Pictures
    labels: Integers

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or len(self.images) != len(self.labels):
            raise MlError(f"{len(self.labels)} labels do not fit pictures of shape {self.images.shape}.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[Any]) -> LabelledImages:
        return LabelledImages(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A frozen snapshot of examples. The holdout is only measured on, after everything has been chosen."""

    labels: list[str]
    preprocessing: Preprocessing
    train: LabelledImages
    validation: LabelledImages
    holdout: LabelledImages
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of news from a training run. Validation figures stand only in the news that ends an epoch.

    Each phase counts its own epochs from 0. Under `features` a step is one picture, and nothing is learned yet.
    `remark` is a sentence for the run's log, where there is something to say.
    """

    epoch: int
    epochs: int
    step: int
    steps_per_epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    elapsed_seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    phase: Literal["features", "training", "fine_tuning"] = "training"
    remark: str = ""

    @property
    def share_done(self) -> float:
        return (self.epoch * self.steps_per_epoch + self.step) / max(1, self.epochs * self.steps_per_epoch)

    @property
    def remaining_seconds(self) -> float:
        return self.elapsed_seconds * (1 - self.share_done) / self.share_done if self.share_done else 0.0


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a run ended. A stopped run has written no artifact."""

    finished: bool
    epochs_done: int
    seconds: float
    history: Sequence[Progress]
    metrics: dict[str, Any]
