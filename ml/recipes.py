"""Which recipe suits the pictures: from scratch, or on the features of a backbone. No TensorFlow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ml.backbones import BACKBONES, choose_input, find_backbone, has_weights
from ml.data_types import TrainingData
from ml.errors import MlError
from ml.training_settings import TrainingSettings

LARGEST_SMALL_SIDE = 96
LARGEST_TINY_SIDE = 48
FEW_PICTURES_A_LABEL = 200
PICTURES_FOR_A_DEEP_HEAD = 5000
DEEP_HEAD = [256, 128]


@dataclass(frozen=True, slots=True)
class RecipeChoice:
    """The answer of `choose_recipe`: `settings` are for TrainingSettings.from_dict, `reason` is for people."""

    recipe: Literal["small", "transfer"]
    settings: dict[str, Any]
    reason: str


def available_backbones(weights_folder: Path | None) -> list[str]:
    """Those with weights on this machine, in the table's order."""
    return [name for name, row in BACKBONES.items() if has_weights(row, weights_folder)]


def choose_recipe(*, longest_side: int, pictures: int, labels: int, backbones: Collection[str]) -> RecipeChoice:
    """By the typical longest side in pixels and the number of training pictures; `backbones` are those at hand.

    Up to 96 pixels a network from scratch learns the whole picture; above, and where there are too few pictures to
    learn from scratch, a backbone does better. Silhouettes of up to 48 pixels are unlike anything it has seen.
    """
    is_few = pictures < FEW_PICTURES_A_LABEL * labels
    size = f"{pictures:,} pictures of {longest_side} pixels"
    if longest_side <= LARGEST_TINY_SIDE or (longest_side <= LARGEST_SMALL_SIDE and not is_few):
        return RecipeChoice("small", {"recipe": "small"}, f"{size}: a small network learns from scratch")
    known = [name for name in BACKBONES if name in backbones]
    if not known:
        reason = f"{size} would suit a backbone, but no backbone's weights are on this machine: learning from scratch"
        return RecipeChoice("small", {"recipe": "small"}, reason)
    head = DEEP_HEAD if pictures >= PICTURES_FOR_A_DEEP_HEAD else []
    settings = {"recipe": "transfer", "backbone": known[0], "head": list(head)}
    return RecipeChoice("transfer", settings, f"{size}: a head on the features of {BACKBONES[known[0]].title}")


def resolve_recipe(settings: TrainingSettings, data: TrainingData, weights_folder: Path | None) -> TrainingSettings:
    """Settings with `auto` decided by the prepared pictures, and for `transfer` with the network described.

    Raises MlError where the pictures are not prepared as the backbone takes them.
    """
    if settings.recipe == "auto":
        settings = decide(settings, data, weights_folder)
    if settings.recipe == "small":
        return settings
    row = find_backbone(settings.backbone)
    expected = choose_input(row, settings.image_size or max(data.preprocessing.shape))
    if data.preprocessing.name != expected.name or (settings.image_size and data.preprocessing != expected):
        raise MlError(
            f"{row.title} takes pictures prepared as {expected.name} {expected.width}x{expected.height}, not as "
            f"{data.preprocessing.name} {data.preprocessing.width}x{data.preprocessing.height}."
        )
    network = {"backbone": settings.backbone, "pooling": settings.pooling, "head": list(settings.head)}
    return replace(settings, network="transfer", network_settings=network, shift_pixels=0)


def decide(settings: TrainingSettings, data: TrainingData, weights_folder: Path | None) -> TrainingSettings:
    """`auto` for pictures that are prepared already: only backbones that take them so come into question."""
    choice = choose_recipe(
        longest_side=max(data.preprocessing.height, data.preprocessing.width),
        pictures=len(data.train),
        labels=len(data.labels),
        backbones=[
            name
            for name in available_backbones(weights_folder)
            if BACKBONES[name].preprocessing == data.preprocessing.name
        ],
    )
    defaults, own = TrainingSettings().to_dict(), settings.to_dict()
    said = {name: value for name, value in own.items() if value != defaults[name] and name != "recipe"}
    return TrainingSettings.from_dict({**choice.settings, **said})
