"""An artifact is written whole or not at all, and refused when anything about it is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.artifact import (
    MANIFEST,
    WEIGHTS,
    ArtifactError,
    Manifest,
    digest_file,
    read_manifest,
    read_weights,
    write_artifact,
)
from ml.inference import LoadedModel
from tests.ml.tiny_models import TINY_INPUT, TINY_SETTINGS

MANIFEST_VALUES = Manifest(
    labels=["a", "b"],
    network={"name": "small_residual", "settings": TINY_SETTINGS.network_settings, "outputs": 2},
    preprocessing=TINY_INPUT,
    temperature=1.5,
    thresholds={"per_label": [0.5, 0.6], "target_precision": 0.9, "not_yet_proven": [0, 0]},
    energy_threshold=-1.0,
    mirror_average=False,
    metrics={},
    data_fingerprint="f",
    seed=1,
    recipe={},
    created_at="2026-01-01T00:00:00+00:00",
)
WEIGHTS_OF_ONE_LAYER = {"dense/kernel": np.array([[0.1, -2.0]], np.float32)}


@pytest.fixture
def copy(tiny_artifact: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_artifact, tmp_path / "copy")
    return tmp_path / "copy"


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((folder / MANIFEST).read_text())
    change(values)
    (folder / MANIFEST).write_text(json.dumps(values))


def replace_weights(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Weights that are not the trainer's, with a manifest that vouches for them."""
    with np.load(folder / WEIGHTS) as stored:
        weights = {name: stored[name] for name in stored.files}
    change(weights)
    np.savez(folder / WEIGHTS, **weights)
    change_manifest(folder, lambda values: values["files"].update({WEIGHTS: digest_file(folder / WEIGHTS)}))


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = write_artifact(tmp_path / "m", MANIFEST_VALUES, WEIGHTS_OF_ONE_LAYER)
    assert read_manifest(tmp_path / "m") == written
    assert written == replace(MANIFEST_VALUES, files=written.files)
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["m", MANIFEST, WEIGHTS]


def test_weights_come_back_to_16_bit_precision(tmp_path: Path) -> None:
    manifest = write_artifact(tmp_path / "m", MANIFEST_VALUES, WEIGHTS_OF_ONE_LAYER)
    weights = read_weights(tmp_path / "m", manifest)
    assert weights["dense/kernel"].dtype == np.float32
    np.testing.assert_allclose(weights["dense/kernel"], [[0.1, -2.0]], rtol=1e-3)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_artifact(tmp_path / name, MANIFEST_VALUES, WEIGHTS_OF_ONE_LAYER) for name in "ab")
    assert first.files == second.files


def test_an_artifact_is_never_written_over(tmp_path: Path) -> None:
    write_artifact(tmp_path / "m", MANIFEST_VALUES, WEIGHTS_OF_ONE_LAYER)
    with pytest.raises(ArtifactError, match="never written over"):
        write_artifact(tmp_path / "m", MANIFEST_VALUES, WEIGHTS_OF_ONE_LAYER)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_weights_that_are_not_finite_in_16_bits_are_not_written(tmp_path: Path, value: float) -> None:
    with pytest.raises(ArtifactError, match="not finite"):
        write_artifact(tmp_path / "m", MANIFEST_VALUES, {"dense/kernel": np.array([value], np.float32)})
    assert list(tmp_path.iterdir()) == []


def test_any_flipped_byte_of_the_weights_is_refused(copy: Path) -> None:
    data = bytearray((copy / WEIGHTS).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / WEIGHTS).write_bytes(data)
    with pytest.raises(ArtifactError, match="damaged"):
        LoadedModel.load(copy)


def test_nan_weights_are_refused_though_their_digest_fits(copy: Path) -> None:
    replace_weights(copy, lambda weights: weights["logits/kernel"].fill(np.nan))
    with pytest.raises(ArtifactError, match="not finite"):
        LoadedModel.load(copy)


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    replace_weights(copy, lambda weights: weights.update({"logits/kernel": np.zeros((8, 3), np.float16)}))
    with pytest.raises(ArtifactError, match="has shape"):
        LoadedModel.load(copy)


def test_missing_weights_are_refused(copy: Path) -> None:
    replace_weights(copy, lambda weights: weights.pop("logits/kernel"))
    with pytest.raises(ArtifactError, match="missing"):
        LoadedModel.load(copy)


def test_pickled_objects_in_the_weights_are_refused(copy: Path) -> None:
    replace_weights(copy, lambda weights: weights.update({"logits/kernel": np.array([{"a": 1}], object)}))
    with pytest.raises(ArtifactError, match="cannot be read"):
        LoadedModel.load(copy)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda values: values["labels"].append("third"), "do not fit a network"),
        (lambda values: values.update(labels=["same", "same"]), "different labels"),
        (lambda values: values.update(format_version=99), "format version"),
        (lambda values: values["network"].update(name="unheard_of"), "Unknown network"),
        (lambda values: values["network"].update(settings={"depth": 3}), "does not take the settings"),
        (lambda values: values["network"]["settings"].update(stem=1 << 53), "do not fit a network whose stem"),
        (lambda values: values["network"]["settings"].update(widths=[8, 10**6]), "do not fit a network whose widths"),
        (lambda values: values["network"]["settings"].update(blocks=[10**6, 1]), "do not fit a network whose blocks"),
        (lambda values: values["network"]["settings"].update(widths=[8] * 1000), "do not fit a network whose widths"),
        (lambda values: values["network"].update(settings=[1, 2]), "by name"),
        (lambda values: values["files"].update({"../../etc/passwd": "0" * 64}), "exactly"),
        (lambda values: values["thresholds"].update(per_label=[0.5]), "thresholds do not fit"),
        (lambda values: values.update(temperature=0), "above 0"),
        (lambda values: values["preprocessing"].update(name="unheard_of"), "Unknown preprocessing"),
        (lambda values: values.update(files={}), "exactly"),
        (lambda values: values.update(surprise=1), "not a readable manifest"),
        (lambda values: values.pop("labels"), "not a readable manifest"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    change_manifest(copy, change)
    with pytest.raises(ArtifactError, match=sentence):
        LoadedModel.load(copy)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format_version": 1}'])
def test_a_manifest_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(ArtifactError):
        read_manifest(copy)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a readable manifest"):
        read_manifest(tmp_path)
