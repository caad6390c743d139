"""`auto` goes by the size and number of the pictures and by the weights at hand, and says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ml.errors import MlError
from ml.recipes import available_backbones, choose_recipe, resolve_recipe
from ml.training_settings import TrainingSettings
from tests.ml.tiny_models import TINY_SETTINGS, make_tiny_data
from tests.ml.transfer_models import SMALL_TRANSFER, make_colour_data


@pytest.mark.parametrize(
    ("longest_side", "pictures", "expected"),
    [(28, 60_000, "small"), (28, 20, "small"), (96, 50_000, "small"), (96, 100, "transfer"), (500, 80, "transfer")],
)
def test_size_and_number_decide(longest_side: int, pictures: int, expected: str) -> None:
    choice = choose_recipe(longest_side=longest_side, pictures=pictures, labels=2, backbones=["mobilenet"])
    assert choice.recipe == expected == choice.settings["recipe"]


def test_many_pictures_get_a_deeper_head() -> None:
    few, many = (
        choose_recipe(longest_side=256, pictures=pictures, labels=2, backbones=["mobilenet"]).settings["head"]
        for pictures in (1000, 20_000)
    )
    assert few == []
    assert many == [256, 128]


def test_without_weights_it_learns_from_scratch_and_says_why() -> None:
    choice = choose_recipe(longest_side=256, pictures=1000, labels=2, backbones=[])
    assert choice.recipe == "small"
    assert "no backbone's weights are on this machine" in choice.reason


def test_the_backbone_is_one_whose_weights_are_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "vgg16.weights.h5").touch()
    assert available_backbones(tmp_path) == ["vgg16"]
    choice = choose_recipe(longest_side=256, pictures=1000, labels=2, backbones=available_backbones(tmp_path))
    assert choice.settings["backbone"] == "vgg16"


def test_auto_on_prepared_grey_pictures_is_small_and_keeps_what_was_said() -> None:
    settings = resolve_recipe(replace(TINY_SETTINGS, recipe="auto"), make_tiny_data(), None)
    assert settings == TINY_SETTINGS


def test_transfer_describes_its_network_by_backbone_pooling_and_head() -> None:
    settings = resolve_recipe(replace(SMALL_TRANSFER, head=[8]), make_colour_data(), None)
    assert settings.network == "transfer"
    assert settings.network_settings == {"backbone": "mobilenet", "pooling": "mean", "head": [8]}


def test_another_size_than_the_settings_say_is_refused() -> None:
    with pytest.raises(MlError, match="64x64, not as scale_minus1_1 32x32"):
        resolve_recipe(replace(SMALL_TRANSFER, image_size=64), make_colour_data(), None)


def test_what_is_not_said_is_as_suits_the_recipe() -> None:
    assert TrainingSettings.from_dict({"recipe": "transfer"}).label_smoothing == 0
    assert TrainingSettings.from_dict({"recipe": "small"}) == TrainingSettings()
    assert TrainingSettings.from_dict({"recipe": "transfer", "label_smoothing": 0.2}).label_smoothing == 0.2


@pytest.mark.parametrize(
    "values", [{"head": [0]}, {"head": [True]}, {"head": [8] * 5}, {"pooling": "max"}, {"recipe": "large"}]
)
def test_values_that_no_recipe_knows_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(MlError):
        TrainingSettings.from_dict(values)


EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
OF_THE_COMMAND = {"classifier", "name", "datasets", "promote", "policy"}


@pytest.mark.parametrize(
    ("name", "epochs"),
    [("is-it-a-cat.yaml", 10), ("fashion.yaml", 16), ("fashion-quick.yaml", 6), ("fashion-long.yaml", 28)],
)
def test_the_settings_of_the_shipped_examples_are_known(name: str, epochs: int) -> None:
    values = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    settings = TrainingSettings.from_dict({key: each for key, each in values.items() if key not in OF_THE_COMMAND})
    assert settings.recipe == values["recipe"]
    assert settings.epochs == epochs
