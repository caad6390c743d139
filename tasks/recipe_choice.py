"""What follows for recipe, settings and preprocessing where an owner said nothing, from the pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from classifier.errors import Refused
from classifier.models import Classifier
from ml.backbones import choose_input, find_backbone
from ml.data_types import Split
from ml.preprocessing import Preprocessing
from ml.recipes import RecipeChoice, available_backbones, choose_recipe
from ml.shards import read_shards
from ml.silhouettes import has_dark_ground
from ml.training_examples import ORDER, Selection
from ml.training_settings import TrainingSettings
from tasks.dataset_packing import open_packed_picture
from tasks.training_options import LARGEST_SMALL_SIDE, SMALLEST_SIDE, RunOptions

REDUCED_SIDE: Final = 64
STEPS_WANTED: Final = 1000
MOST_EPOCHS: Final = 60
MANY_PICTURES: Final = 20_000
EPOCHS_OF_MANY: Final = 16
ERASED_OF_MANY: Final = 0.25
MANY_EPOCHS: Final = 30
SAMPLED: Final = 64


def choose_run_recipe(options: RunOptions, selection: Selection, weights_folder: Path | None) -> RecipeChoice:
    """The named recipe, or for `auto` the one that suits size and number of the pictures and the weights at hand."""
    if options.recipe == "small":
        return RecipeChoice("small", {}, "recipe small, as asked")
    if options.recipe == "transfer":
        return RecipeChoice("transfer", {}, "recipe transfer, as asked")
    return choose_recipe(
        longest_side=options.image_size or max(max(picture.size) for picture in _sample(selection)),
        pictures=selection.count(Split.TRAIN),
        labels=len(selection.labels),
        backbones=available_backbones(weights_folder),
    )


def choose_settings(
    options: RunOptions, choice: RecipeChoice, classifier: Classifier, selection: Selection
) -> TrainingSettings:
    """The recipe's settings: what was said, else what suits it and the number of pictures."""
    said = {
        "mirror": not classifier.left_right_differ,
        "target_precision": classifier.target_precision,
        "seed": options.seed,
        **choice.settings,
        **options.hyper_parameters,
        "recipe": choice.recipe,
    }
    if choice.recipe == "transfer":
        return TrainingSettings.from_dict({**said, "image_size": options.image_size or 0})
    return TrainingSettings.from_dict({**said, **_choose_steps(options, selection)})


def _choose_steps(options: RunOptions, selection: Selection) -> dict[str, int | float]:
    """Few pictures get small batches and more epochs, so that about STEPS_WANTED steps are taken; many pictures get
    EPOCHS_OF_MANY and parts of them erased, which keeps so long a run from learning them by heart.

    Runs of many epochs get patience, a generous one: the last third of the learning rate's fall brings most.
    """
    pictures = selection.count(Split.TRAIN)
    given = options.hyper_parameters
    batch_size = given.get("batch_size") or min(128, max(8, 2 ** int(math.log2(max(1, pictures / 20)))))
    steps = max(1, pictures // batch_size)
    are_many = pictures >= MANY_PICTURES
    least = EPOCHS_OF_MANY if are_many else TrainingSettings().epochs
    epochs = given.get("epochs") or min(MOST_EPOCHS, max(least, math.ceil(STEPS_WANTED / steps)))
    erase_share = given.get("erase_share", ERASED_OF_MANY if are_many else 0.0)
    patience = given.get("patience_epochs", epochs // 2 if epochs >= MANY_EPOCHS else 0)
    return {"batch_size": batch_size, "epochs": epochs, "erase_share": erase_share, "patience_epochs": patience}


def choose_preprocessing(options: RunOptions, choice: RecipeChoice, selection: Selection) -> Preprocessing:
    """How pictures come to the network: as the backbone takes them, or for the recipe `small` small grey ones on a
    dark ground as they are and all others in colour.

    Without `image_size` small pictures keep their size, and large ones are brought to REDUCED_SIDE.
    """
    if choice.recipe == "transfer":
        named = options.hyper_parameters.get("backbone") or choice.settings.get("backbone")
        return choose_input(find_backbone(str(named or TrainingSettings().backbone)), options.image_size or 0)
    if options.image_size is not None and options.image_size > LARGEST_SMALL_SIDE:
        raise Refused("malformed_request", f"{choice.reason}; image_size must not exceed {LARGEST_SMALL_SIDE} then.")
    pictures = list(_sample(selection))
    sizes = {picture.size for picture in pictures}
    width, height = max(sizes, key=lambda size: (max(size), size))
    if options.image_size is not None:
        width = height = options.image_size
    elif max(width, height) > LARGEST_SMALL_SIDE or len(sizes) > 1:
        width = height = min(REDUCED_SIDE, max(SMALLEST_SIDE, width, height))
    width, height = max(width, SMALLEST_SIDE), max(height, SMALLEST_SIDE)
    is_grey = all(picture.mode == "L" for picture in pictures)
    if is_grey and sizes == {(width, height)} and _mostly_dark(pictures):
        return Preprocessing("grey_bright_on_dark", height, width, 1)
    return Preprocessing("scale_0_1", height, width, 3)


def _sample(selection: Selection) -> Sequence[Image.Image]:
    """Training pictures of the first and the last shard that has some."""
    train = ORDER.index(Split.TRAIN)
    filled = [choice for choice in selection.shards if (choice.parts == train).any()]
    chosen = filled[:1] if len(filled) == 1 else [filled[0], filled[-1]]
    pictures = []
    for choice in chosen:
        places = np.flatnonzero(choice.parts == train)
        step = max(1, len(places) // SAMPLED)
        for shard in read_shards(choice.folder, choice.alone()):
            pictures += [open_packed_picture(shard, int(place)) for place in places[::step][:SAMPLED]]
    return pictures


def _mostly_dark(pictures: Sequence[Image.Image]) -> bool:
    dark = sum(has_dark_ground(np.array(picture, dtype=np.uint8)) for picture in pictures)
    return dark >= 0.9 * len(pictures)
