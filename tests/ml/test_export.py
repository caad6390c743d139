"""A model written for other programs answers as ours does, or is not there."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ml import export, export_formats
from ml.artifact import read_manifest, read_weights, write_artifact
from ml.export import DESCRIPTION_FILE, LABELS_FILE, NOISE_PICTURES, ExportReport, export_model
from ml.export_formats import FILE_NAMES, ExportError, ExportFormat, open_format, write_format
from ml.golden import read_golden
from ml.inference import LoadedModel
from ml.training import train
from tests.ml.tiny_models import draw_examples
from tests.ml.transfer_models import SMALL_TRANSFER, make_colour_data

PICTURES = draw_examples(40, 7).images[:]
NEEDS_ONNX = pytest.mark.skipif(importlib.util.find_spec("tf2onnx") is None, reason="the extra for ONNX is missing")
FORMATS = [ExportFormat.SAVEDMODEL, ExportFormat.LITERT, pytest.param(ExportFormat.ONNX, marks=NEEDS_ONNX)]


@pytest.fixture(scope="session")
def mirrored_artifact(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `tiny_artifact`, with a temperature that shows and answers for both views."""
    folder = tmp_path_factory.mktemp("mirrored") / "model"
    manifest = read_manifest(tiny_artifact)
    changed = replace(manifest, temperature=2.5, mirror_average=True, files={})
    write_artifact(folder, changed, read_weights(tiny_artifact, manifest))
    return folder


@pytest.fixture(scope="session")
def colour_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the recipe `transfer`, on random weights."""
    folder = tmp_path_factory.mktemp("colour") / "model"
    settings = replace(SMALL_TRANSFER, epochs=2, mirror_average=True)
    train(make_colour_data(), settings, folder=folder, on_progress=lambda _: None, should_stop=lambda: False)
    return folder


def export_to(artifact: Path, kind: ExportFormat, folder: Path, pictures: Any = PICTURES) -> ExportReport:
    return export_model(artifact, kind, folder, pictures, about={"classifier": "tiny"})


def serve(artifact: Path, pictures: Any) -> Any:
    return np.asarray([each.scores for each in LoadedModel.load(artifact, "off").predict(pictures)])


@pytest.mark.parametrize("kind", FORMATS)
def test_an_exported_small_network_gives_the_calibrated_probabilities_of_serving(
    tmp_path: Path, mirrored_artifact: Path, kind: ExportFormat
) -> None:
    report = export_to(mirrored_artifact, kind, tmp_path / "out")
    assert report.largest_difference < 1e-4
    assert report.label_agreement == 1.0
    assert report.pictures == 40
    found = open_format(kind, tmp_path / "out")(PICTURES)
    np.testing.assert_allclose(found, serve(mirrored_artifact, PICTURES), atol=1e-4)
    assert (tmp_path / "out" / FILE_NAMES[kind]).is_file()


@pytest.mark.parametrize("kind", FORMATS)
def test_an_exported_backbone_gives_the_calibrated_probabilities_of_serving(
    tmp_path: Path, colour_artifact: Path, kind: ExportFormat
) -> None:
    pictures = make_colour_data().holdout.images[:]
    export_to(colour_artifact, kind, tmp_path / "out", pictures)
    found = open_format(kind, tmp_path / "out")(pictures[:3])
    np.testing.assert_allclose(found, serve(colour_artifact, pictures[:3]), atol=1e-3)


def test_the_files_beside_it_say_labels_preprocessing_and_thresholds(tmp_path: Path, tiny_artifact: Path) -> None:
    export_to(tiny_artifact, ExportFormat.LITERT, tmp_path / "out")
    assert (tmp_path / "out" / LABELS_FILE).read_text() == "upper\nlower\n"
    described = json.loads((tmp_path / "out" / DESCRIPTION_FILE).read_text())
    assert described["classifier"] == "tiny"
    assert described["input"]["shape"] == ["pictures", 8, 8, 1]
    assert described["input"]["preprocessing"] == "grey_bright_on_dark"
    assert described["thresholds"]["per_label"] == read_manifest(tiny_artifact).thresholds["per_label"]
    assert described["compared"]["pictures"] == 40


@NEEDS_ONNX
def test_an_onnx_file_carries_its_labels(tmp_path: Path, tiny_artifact: Path) -> None:
    import onnxruntime

    export_to(tiny_artifact, ExportFormat.ONNX, tmp_path / "out")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    assert json.loads(session.get_modelmeta().custom_metadata_map["labels"]) == ["upper", "lower"]
    assert session.get_inputs()[0].shape == ["pictures", 8, 8, 1]


@NEEDS_ONNX
def test_an_operation_that_onnx_lacks_is_named(tmp_path: Path) -> None:
    owner = tf.Module()
    signature = [tf.TensorSpec((None, 2), tf.uint8, name="pixels")]
    owner.answer = tf.function(lambda pixels: tf.math.erfc(tf.cast(pixels, tf.float32)), input_signature=signature)
    with pytest.raises(ExportError, match="it lacks Erfc"):
        write_format(ExportFormat.ONNX, owner.answer, owner, tmp_path, {})
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_differs_is_removed(
    tmp_path: Path, tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_wrong(kind: ExportFormat, folder: Path) -> Any:
        ask = open_format(kind, folder)
        return lambda batch: ask(batch) * 0.99

    monkeypatch.setattr(export, "open_format", open_wrong)
    with pytest.raises(ExportError, match="differ by up to"):
        export_to(tiny_artifact, ExportFormat.SAVEDMODEL, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_answers_that_are_no_numbers_are_refused(
    tmp_path: Path, tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "open_format", lambda kind, folder: lambda batch: np.full((len(batch), 2), np.nan))
    with pytest.raises(ExportError, match="not numbers"):
        export_to(tiny_artifact, ExportFormat.SAVEDMODEL, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_stands_at_the_place_is_left_alone(tmp_path: Path, tiny_artifact: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match="exists already"):
        export_to(tiny_artifact, ExportFormat.LITERT, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path, tiny_artifact: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        export_to(tiny_artifact, ExportFormat.LITERT, tmp_path / "file" / "out")


def test_missing_packages_are_named_with_the_command_that_brings_them(
    tmp_path: Path, tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_formats, "ONNX_PACKAGES", ("onnx_of_another_world",))
    with pytest.raises(ExportError, match=r"onnx_of_another_world.*pip install -r requirements-export\.txt"):
        export_to(tiny_artifact, ExportFormat.ONNX, tmp_path / "out")


def test_without_pictures_it_is_compared_on_the_golden_ones_and_noise(tmp_path: Path, tiny_artifact: Path) -> None:
    report = export_to(tiny_artifact, ExportFormat.LITERT, tmp_path / "out", None)
    model = LoadedModel.load(tiny_artifact, "off")
    assert report.pictures == len(read_golden(tiny_artifact, model)[0]) + NOISE_PICTURES
