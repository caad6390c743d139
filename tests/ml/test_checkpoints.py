"""The state of a run goes into a file and comes back, for the same data and settings only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.checkpoints import read_checkpoint, write_checkpoint
from ml.errors import MlError
from tests.ml.tiny_models import TINY_SETTINGS


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "state.npz"
    write_checkpoint(path, {"a": np.arange(3.0), "b": np.ones((2, 2))}, 4, "data", TINY_SETTINGS)
    return path


def test_arrays_come_back_in_place_with_the_number_of_epochs(stored: Path) -> None:
    state = {"a": np.zeros(3), "b": np.zeros((2, 2))}
    assert read_checkpoint(stored, state, "data", TINY_SETTINGS) == 4
    assert state["a"].tolist() == [0, 1, 2]
    assert state["b"].sum() == 4


def test_only_the_one_file_remains(stored: Path) -> None:
    assert list(stored.parent.iterdir()) == [stored]


@pytest.mark.parametrize(
    ("fingerprint", "settings"), [("other", TINY_SETTINGS), ("data", replace(TINY_SETTINGS, seed=99))]
)
def test_a_checkpoint_of_other_data_or_settings_is_refused(stored: Path, fingerprint: str, settings: object) -> None:
    with pytest.raises(MlError, match="other data or settings"):
        read_checkpoint(stored, {}, fingerprint, settings)  # type: ignore[arg-type]


def test_a_cut_off_checkpoint_is_refused_by_name(stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:100])
    with pytest.raises(MlError, match=r"state\.npz cannot be read"):
        read_checkpoint(stored, {}, "data", TINY_SETTINGS)
