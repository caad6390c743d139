"""What an owner says about a run is checked."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.errors import Refused
from tasks.training_options import RunOptions, backbone_titles, read_options, setting_range


def test_hyper_parameters_are_kept_apart_from_the_rest() -> None:
    options = read_options({"epochs": 3, "image_size": 32, "peak_learning_rate": 0.001, "promote": "never"})
    assert options.hyper_parameters == {"epochs": 3, "peak_learning_rate": 0.001}
    assert (options.image_size, options.promote) == (32, "never")


def test_options_survive_being_stored() -> None:
    options = read_options({"epochs": 3, "datasets": ["one"], "policy": "better"})
    assert RunOptions.from_row(options.to_dict()) == options


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"epoch": 3}, "epoch"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": "three"}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"recipe": "magic"}, "magic"),
        ({"image_size": 5000}, "image_size"),
        ({"image_size": "big"}, "image_size"),
        ({"promote": "maybe"}, "maybe"),
        ({"policy": "luck"}, "luck"),
        ({"margin": 0}, "margin"),
        ({"margin": "wide"}, "margin"),
        ({"datasets": "one"}, "datasets"),
        ({"seed": "x"}, "seed"),
        ({"backbone": "spine"}, "spine"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=named):
        read_options(values)


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": "many"}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"head": [0]}, "head"),
        ({"backbone": "spine"}, "backbone"),
        ({"recipe": "transfer", "image_size": 16}, "image_size"),
        ({"recipe": "small", "image_size": 200}, "image_size"),
        ({"recipe": "magic"}, "recipe"),
        ({"policy": "luck"}, "policy"),
        ({"magic": 1}, ""),
    ],
)
def test_the_refusal_names_its_setting_for_forms(values: dict[str, Any], setting: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_options(values)
    assert refusal.value.details["setting"] == setting


def test_the_largest_and_smallest_values_are_taken() -> None:
    low, high = setting_range("epochs")
    assert read_options({"epochs": int(low)}).hyper_parameters == {"epochs": 1}
    assert read_options({"epochs": int(high)}).hyper_parameters == {"epochs": 10_000}


def test_every_backbone_can_be_asked_for() -> None:
    for name in backbone_titles():
        assert read_options({"recipe": "transfer", "backbone": name}).hyper_parameters["backbone"] == name
