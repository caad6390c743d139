"""Plain data that crosses the border of the ml floor. Nothing here imports TensorFlow, so every process may load it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int32]

PreprocessingName = Literal["grey_bright_on_dark", "scale_minus1_1", "scale_0_1", "imagenet_bgr", "imagenet_standard"]
CHANNELS: dict[str, int] = {name: 1 if name == "grey_bright_on_dark" else 3 for name in get_args(PreprocessingName)}


class MlError(Exception):
    """Root of the errors that the ml floor raises for reasons a person can act on."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to a picture before the network sees it; stored in the artifact.

    The named steps give uint8 pixels of `(height, width, channels)`; the network itself scales them to numbers.
    """

    name: PreprocessingName
    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        if self.name not in get_args(PreprocessingName):
            raise MlError(f"Unknown preprocessing {self.name!r}; known: {', '.join(get_args(PreprocessingName))}.")
        if self.channels != CHANNELS[self.name]:
            raise MlError(f"Preprocessing {self.name} has {CHANNELS[self.name]} channel(s), not {self.channels}.")
        if not (1 <= self.height <= 1024 and 1 <= self.width <= 1024):
            raise MlError(f"A network input of {self.width} x {self.height} is outside 1 to 1024 pixels a side.")

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        try:
            name = cast(PreprocessingName, values["name"])
            return cls(name, int(values["height"]), int(values["width"]), int(values["channels"]))
        except (KeyError, TypeError, ValueError) as problem:
            raise MlError(f"Not a preprocessing description: {values!r}.") from problem


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


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Prepared pictures with their answers: `images` uint8 (n, height, width, channels), `labels` int32 (n,)."""

    images: Pixels
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
class TrainingSettings:
    """Everything that decides a training run; stored whole in the artifact.

    From `image_size` on (0: what the recipe takes), all but `class_weights` and `patience_epochs` (0: never stop early)
    concern the recipe `transfer`: `head` is the widths of dense layers before the last one. `class_weights` and
    `patience_epochs` have no effect on the recipe `small`.
    """

    recipe: Literal["small", "transfer", "auto"] = "small"
    epochs: int = 10
    batch_size: int = 128
    peak_learning_rate: float = 4e-3
    warm_up_share: float = 0.2
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    dropout: float = 0.2
    mirror: bool = True
    shift_pixels: int = 2
    erase_share: float = 0.0
    average_momentum: float = 0.995
    mirror_average: bool = False
    network: str = "small_residual"
    network_settings: dict[str, Any] = field(
        default_factory=lambda: {"stem": 32, "widths": [64, 128], "blocks": [2, 2]}
    )
    mixed_precision: Literal["auto", "off", "mixed_bfloat16"] = "auto"
    target_precision: float = 0.9
    seed: int = 0
    image_size: int = 0
    backbone: str = "mobilenet"
    backbone_weights: Literal["imagenet", "none"] = "imagenet"
    pooling: Literal["mean", "flat"] = "mean"
    head: list[int] = field(default_factory=list)
    l2_penalty: float = 0.0
    class_weights: bool = True
    patience_epochs: int = 0
    fine_tune_epochs: int = 0
    fine_tune_rate: float = 1e-5

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingSettings:
        """What is not given is as suits the recipe. Raises MlError that names the unknown or ill-typed value."""
        default = replace(cls(), **RECIPE_DEFAULTS.get(values.get("recipe", ""), {}))
        unknown = sorted(set(values) - set(default.to_dict()))
        if unknown:
            raise MlError(f"Unknown training setting(s): {', '.join(unknown)}.")
        for name, value in values.items():
            expected = type(getattr(default, name))
            if not isinstance(value, (int, float) if expected is float else expected):
                raise MlError(f"Training setting {name} must be {expected.__name__}, not {value!r}.")
        return replace(default, **values).checked()

    def checked(self) -> TrainingSettings:
        ranges: Iterable[tuple[str, float, float]] = (
            ("epochs", 1, 10_000),
            ("batch_size", 1, 65_536),
            ("peak_learning_rate", 1e-7, 10),
            ("warm_up_share", 0, 0.9),
            ("label_smoothing", 0, 0.9),
            ("dropout", 0, 0.9),
            ("shift_pixels", 0, 64),
            ("erase_share", 0, 1),
            ("average_momentum", 0, 0.99999),
            ("target_precision", 0.5, 0.9999),
            ("image_size", 0, 1024),
            ("l2_penalty", 0, 10),
            ("patience_epochs", 0, 10_000),
            ("fine_tune_epochs", 0, 1000),
            ("fine_tune_rate", 1e-8, 1e-2),
        )
        for name, low, high in ranges:
            value = getattr(self, name)
            if not low <= value <= high:
                raise MlError(f"Training setting {name} must lie between {low} and {high}, not {value}.")
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise MlError(f"Training setting {name} must be {' or '.join(words)}, not {getattr(self, name)!r}.")
        if len(self.head) > MOST_HEAD_LAYERS or not all(is_width(width) for width in self.head):
            raise MlError(f"Training setting head is up to {MOST_HEAD_LAYERS} widths of dense layers, not {self.head}.")
        return self


MOST_HEAD_LAYERS, WIDEST_LAYER = 4, 8192
WORDS: dict[str, tuple[str, ...]] = {
    "recipe": ("small", "transfer", "auto"),
    "mixed_precision": ("auto", "off", "mixed_bfloat16"),
    "backbone_weights": ("imagenet", "none"),
    "pooling": ("mean", "flat"),
}
RECIPE_DEFAULTS: dict[str, dict[str, Any]] = {
    "transfer": {
        "epochs": 30,
        "batch_size": 32,
        "peak_learning_rate": 1e-3,
        "weight_decay": 0.0,
        "l2_penalty": 0.015,
        "label_smoothing": 0.0,
        "shift_pixels": 0,
        "patience_epochs": 8,
    }
}


def is_width(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= WIDEST_LAYER


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of news from a training run. Validation figures stand only in the news that ends an epoch.

    Each phase counts its own epochs from 0. Under `features` a step is one picture, and nothing is learned yet.
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
