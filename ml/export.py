"""A model for other programs: written as they read it, loaded back, compared on pictures, then handed over or removed.

What is exported takes raw pixels and gives calibrated probabilities: scaling, mirror average and temperature inside.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.artifact import GOLDEN, Manifest
from ml.calibration import softmax
from ml.data_types import Pixels
from ml.export_formats import (
    FILE_NAMES,
    INPUT,
    OUTPUT,
    Ask,
    ExportError,
    ExportFormat,
    check_packages,
    describe_as_metadata,
    open_format,
    write_format,
)
from ml.golden import read_golden
from ml.preprocessing import Preprocessing

TOLERANCE: Final = 1e-3
BATCH: Final = 32
NOISE_PICTURES: Final = 16
LABELS_FILE, DESCRIPTION_FILE = "labels.txt", "model.json"
STEPS: Final = {
    "grey_bright_on_dark": "Turn by EXIF, make grey, negate where the border is bright, trim the ground, bring the "
    "longest side to size, centre. A grey picture that is of input size and dark at its border stays as it is.",
    "colour": "Turn by EXIF, put transparency over white, make RGB, stretch to size (Lanczos with antialiasing).",
}
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written, and how it compares: the largest difference of a probability, the share of equal answers."""

    format: ExportFormat
    file: str
    size_bytes: int
    pictures: int
    largest_difference: float
    label_agreement: float


def export_model(
    artifact: Path,
    kind: ExportFormat,
    folder: Path,
    pictures: Pixels | None,
    *,
    about: Mapping[str, Any],
    on_progress: OnProgress = lambda done, total: None,
) -> ExportReport:
    """Write the artifact's model into `folder`, which must not exist, with labels.txt and model.json beside it.

    Both are asked for `pictures`, uint8 (n, height, width, channels), or for the artifact's golden ones and noise where
    there are none; `about` is put into model.json. The weights are those of the artifact in float32. Everything is
    written beside `folder` and renamed at the end; what differs by more than TOLERANCE is removed. Raises ExportError,
    and ArtifactError for the artifact.
    """
    check_packages(kind)
    if folder.exists():
        raise ExportError(f"{folder} exists already; name a new folder.")
    # TensorFlow: only where a model is really exported.
    from ml.inference import LoadedModel

    model = LoadedModel.load(artifact, mixed_precision="off")
    pictures = own_pictures(artifact, model) if pictures is None or not len(pictures) else pictures
    side = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        side.mkdir(parents=True)
        write(model, kind, side)
        difference, agreement = compare(open_format(kind, side), reference(model), pictures, on_progress)
        size_bytes = sum(path.stat().st_size for path in side.rglob("*") if path.is_file())
        report = ExportReport(kind, FILE_NAMES[kind], size_bytes, len(pictures), difference, agreement)
        write_side_files(side, model.manifest, report, about)
        side.rename(folder)
    except OSError as problem:
        raise ExportError(f"{folder} cannot be written: {problem.strerror or problem}.") from problem
    finally:
        shutil.rmtree(side, ignore_errors=True)
    return report


def write(model: Any, kind: ExportFormat, side: Path) -> None:
    # TensorFlow: only where a model is really exported.
    import tensorflow as tf

    # It bears TensorFlow too.
    from ml.inference import compile_logits

    manifest: Manifest = model.manifest
    logits = compile_logits(model.network, manifest.preprocessing, manifest.mirror_average)

    def answer(pixels: Any) -> dict[str, Any]:
        return {OUTPUT: tf.nn.softmax(logits(pixels) / manifest.temperature)}

    signature = [tf.TensorSpec((None, *manifest.preprocessing.shape), tf.uint8, name=INPUT)]
    owner = tf.Module()
    owner.network = model.network
    owner.answer = tf.function(answer, input_signature=signature, jit_compile=False)
    metadata = describe_as_metadata(manifest.labels, manifest.preprocessing.to_dict())
    write_format(kind, owner.answer, owner, side, metadata)


def reference(model: Any) -> Ask:
    """The probabilities as serving computes them, temperature in float64."""
    return lambda batch: softmax(model.logits(batch), model.manifest.temperature)


def compare(exported: Ask, expected: Ask, pictures: Pixels, on_progress: OnProgress) -> tuple[float, float]:
    """`(largest difference of a probability, share of equal labels)`. Raises ExportError above TOLERANCE."""
    largest, equal = 0.0, 0
    for start in range(0, len(pictures), BATCH):
        batch = np.ascontiguousarray(pictures[start : start + BATCH])
        found, wanted = np.asarray(exported(batch), np.float64), np.asarray(expected(batch), np.float64)
        if found.shape != wanted.shape or not np.isfinite(found).all():
            raise ExportError("The exported model's answers are not numbers. Nothing was kept.")
        largest = max(largest, float(np.abs(found - wanted).max()))
        equal += int((found.argmax(axis=1) == wanted.argmax(axis=1)).sum())
        on_progress(min(start + BATCH, len(pictures)), len(pictures))
    if largest > TOLERANCE:
        raise ExportError(
            f"The exported model's probabilities differ by up to {largest:.4f}, more than {TOLERANCE:g}, on "
            f"{len(pictures)} pictures. Nothing was kept."
        )
    return largest, equal / len(pictures)


def write_side_files(side: Path, manifest: Manifest, report: ExportReport, about: Mapping[str, Any]) -> None:
    """One label a line in the order of the probabilities, and what a program must know to use the model."""
    lines = [" ".join(label.split()) for label in manifest.labels]
    (side / LABELS_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    described = {
        **about,
        "format": str(report.format),
        "file": report.file,
        "labels": manifest.labels,
        "input": describe_input(manifest.preprocessing),
        "output": {"name": OUTPUT, "type": "float32", "shape": ["pictures", len(manifest.labels)], "sum": 1},
        "thresholds": {
            "meaning": "An answer whose probability is under its label's threshold is unsure.",
            "per_label": manifest.thresholds["per_label"],
        },
        "compared": {
            "pictures": report.pictures,
            "largest_difference": report.largest_difference,
            "label_agreement": report.label_agreement,
            "tolerance": TOLERANCE,
        },
    }
    text = json.dumps(described, ensure_ascii=False, indent=1) + "\n"
    (side / DESCRIPTION_FILE).write_text(text, encoding="utf-8")


def describe_input(preprocessing: Preprocessing) -> dict[str, Any]:
    steps = STEPS.get(preprocessing.name, STEPS["colour"])
    return {
        "name": INPUT,
        "type": "uint8",
        "shape": ["pictures", *preprocessing.shape],
        "values": "0 to 255 as decoded; the model scales them itself",
        "preprocessing": preprocessing.name,
        "steps": steps,
    }


def own_pictures(artifact: Path, model: Any) -> Pixels:
    """For a comparison where nobody has real pictures: those whose answers the artifact stores, and noise."""
    shape = (NOISE_PICTURES, *model.preprocessing.shape)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    has_golden = (artifact / GOLDEN).exists()
    return np.concatenate([read_golden(artifact, model)[0], noise]) if has_golden else noise
