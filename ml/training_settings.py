"""Everything that decides a training run, with its bounds. Neither numpy nor TensorFlow: pages check forms with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ml.errors import MlError


class SettingError(MlError):
    """One setting has a value it cannot have."""

    def __init__(self, setting: str, sentence: str) -> None:
        super().__init__(sentence)
        self.setting = setting


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Everything that decides a training run; stored whole in the artifact.

    From `image_size` (0: what the recipe takes) to `l2_penalty`, and the two of fine-tuning, concern the recipe
    `transfer`: `head` is the widths of dense layers before the last one. `class_weights` let all labels count alike
    where some are far rarer. `patience_epochs` (0: never) ends a run without a lower validation loss for so long and
    keeps the best weights; the learning rate of `small` falls to the planned end, so that patience should be generous
    there. `time_budget_minutes` (0: none) shortens `small` and fine-tuning, learning rate and all, to what fits.
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
    time_budget_minutes: float = 0.0
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
                raise SettingError(name, f"Training setting {name} must be {expected.__name__}, not {value!r}.")
        return replace(default, **values).checked()

    def checked(self) -> TrainingSettings:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingError(name, f"Training setting {name} must lie between {low} and {high}, not {value}.")
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                known = " or ".join(words)
                raise SettingError(name, f"Training setting {name} must be {known}, not {getattr(self, name)!r}.")
        if len(self.head) > MOST_HEAD_LAYERS or not all(is_width(width) for width in self.head):
            expected = f"up to {MOST_HEAD_LAYERS} widths of dense layers (1 to {WIDEST_LAYER})"
            raise SettingError("head", f"Training setting head is {expected}, not {self.head}.")
        return self


RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 10_000),
    "batch_size": (1, 65_536),
    "peak_learning_rate": (1e-7, 10),
    "warm_up_share": (0, 0.9),
    "label_smoothing": (0, 0.9),
    "dropout": (0, 0.9),
    "shift_pixels": (0, 64),
    "erase_share": (0, 1),
    "average_momentum": (0, 0.99999),
    "target_precision": (0.5, 0.9999),
    "image_size": (0, 1024),
    "l2_penalty": (0, 10),
    "patience_epochs": (0, 10_000),
    "time_budget_minutes": (0, 10_080),
    "fine_tune_epochs": (0, 1000),
    "fine_tune_rate": (1e-8, 1e-2),
    "seed": (0, 2_147_483_647),
}
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
