"""What an owner says about a run is checked."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.errors import Refused
from tasks.training_options import RunOptions, read_options


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
