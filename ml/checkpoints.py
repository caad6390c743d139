"""The state of a training run between two epochs, in one file that is replaced whole."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ml.errors import MlError
from ml.training_settings import TrainingSettings


def write_checkpoint(
    path: Path, state: Mapping[str, Any], epochs_done: int, fingerprint: str, settings: TrainingSettings
) -> None:
    """Write beside `path`, then rename over it."""
    side = path.with_name(f".{path.name}.partial.npz")
    np.savez(side, description=describe(epochs_done, fingerprint, settings), **arrays_of(state))
    side.replace(path)


def read_checkpoint(path: Path, state: Mapping[str, Any], fingerprint: str, settings: TrainingSettings) -> int:
    """Put the stored state into the variables and arrays of `state`; returns the number of epochs done.

    Raises MlError where it belongs to other data or settings, or cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            description = json.loads(str(stored["description"]))
            epochs_done = int(description["epochs_done"])
            if description != json.loads(describe(epochs_done, fingerprint, settings)):
                raise MlError(f"The checkpoint {path} belongs to other data or settings.")
            for name, place in state.items():
                put(place, stored[name])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        raise MlError(f"The checkpoint {path} cannot be read: {problem}") from problem
    return epochs_done


def describe(epochs_done: int, fingerprint: str, settings: TrainingSettings) -> str:
    values = {"epochs_done": epochs_done, "fingerprint": fingerprint, "settings": settings.to_dict()}
    return json.dumps(values, sort_keys=True)


def arrays_of(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(each) for name, each in state.items()}


def put(place: Any, value: Any) -> None:
    if isinstance(place, np.ndarray):
        np.copyto(place, value)
    else:
        place.assign(value)
