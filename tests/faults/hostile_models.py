"""Model artifacts as a broken disk or an enemy would leave them in object storage, each with what is wrong about it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.lib import format as npy

from classifier.classifiers import create_classifier
from classifier.model_registry import register_version
from classifier.models import ModelVersion
from ml.artifact import GOLDEN, MANIFEST, WEIGHTS, digest_file

LABELS = ["upper", "lower"]
Spoil = Callable[[Path], object]


def vouch(folder: Path) -> None:
    """Bring the manifest's digests up to what the files are now."""
    change_manifest(folder, lambda values: values.update(files={n: digest_file(folder / n) for n in values["files"]}))


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((folder / MANIFEST).read_text())
    change(values)
    (folder / MANIFEST).write_text(json.dumps(values))


def change_weights(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Other weights, with a manifest that vouches for them."""
    with np.load(folder / WEIGHTS) as stored:
        weights = {name: stored[name] for name in stored.files}
    change(weights)
    np.savez(folder / WEIGHTS, **weights)
    vouch(folder)


def put_member(folder: Path, file: str, member: str, data: bytes) -> None:
    """One array file put into an archive as it is, with a manifest that vouches for it."""
    with zipfile.ZipFile(folder / file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, each in {**members, member: data}.items():
            archive.writestr(name, each)
    vouch(folder)


def header(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    """An array file that promises a shape, whatever it holds."""
    out = io.BytesIO()
    npy.write_array_header_1_0(out, {"shape": shape, "fortran_order": False, "descr": "<f2"})
    return out.getvalue() + data


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_and_vouch(folder: Path) -> None:
    cut(folder / WEIGHTS)
    vouch(folder)


def put_hdf5(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(HDF5)
    vouch(folder)


def add_keras_file(folder: Path) -> None:
    (folder / "model.keras").write_bytes(b"PK")
    change_manifest(folder, lambda values: values["files"].update({"model.keras": "0" * 64}))
    vouch(folder)


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(4000)
KERNEL = "logits/kernel"
HOSTILE: dict[str, tuple[Spoil, str]] = {
    "truncated weights": (lambda folder: cut(folder / WEIGHTS), "was altered"),
    "a changed byte": (lambda folder: flip(folder / WEIGHTS), "was altered"),
    "a changed byte in a golden picture": (lambda folder: flip(folder / GOLDEN), "was altered"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "is missing"),
    "truncated weights that are vouched for": (cut_and_vouch, "cannot be read"),
    "a file outside the folder": (
        lambda folder: change_manifest(folder, lambda values: values["files"].update({"../../x": "0" * 64})),
        "cannot be part of a model",
    ),
    "an absolute path": (
        lambda folder: change_manifest(folder, lambda values: values["files"].update({"/etc/passwd": "0" * 64})),
        "cannot be part of a model",
    ),
    "a manifest without end": (lambda folder: (folder / MANIFEST).write_text("[" * 200_000), "lists no files"),
    "a manifest that is a number": (lambda folder: (folder / MANIFEST).write_text("3"), "lists no files"),
    "an archive bomb": (
        lambda folder: put_member(folder, WEIGHTS, f"{KERNEL}.npy", header((1 << 28,), bytes(1 << 29))),
        "unpacks to more",
    ),
    "an array of 8 PiB": (
        lambda folder: put_member(folder, WEIGHTS, f"{KERNEL}.npy", header((1 << 52,), b"12")),
        "promises 9007199254740992 bytes",
    ),
    "a bomb of golden pictures": (
        lambda folder: put_member(folder, GOLDEN, "pixels.npy", header((1 << 23,), bytes(1 << 24))),
        "unpacks to more",
    ),
    "a network of 8 PiB": (
        lambda folder: change_manifest(folder, lambda values: values["network"]["settings"].update(stem=1 << 52)),
        "do not fit a network whose stem",
    ),
    "pickled objects": (
        lambda folder: change_weights(folder, lambda weights: weights.update({KERNEL: np.array([{}], object)})),
        "not numbers",
    ),
    "an HDF5 file": (put_hdf5, "cannot be read"),
    "a Keras file beside the weights": (add_keras_file, "holds exactly"),
    "an unknown network": (
        lambda folder: change_manifest(folder, lambda values: values["network"].update(name="lambda")),
        "Unknown network 'lambda'",
    ),
    "more labels than outputs": (
        lambda folder: change_manifest(folder, lambda values: values["labels"].append("third")),
        "do not fit a network of 2 outputs",
    ),
    "labels in another order": (
        lambda folder: change_manifest(folder, lambda values: values["labels"].reverse()),
        "labels are not those",
    ),
    "weights that are no numbers": (
        lambda folder: change_weights(folder, lambda weights: weights[KERNEL].fill(np.nan)),
        "not finite",
    ),
    "weights of another shape": (
        lambda folder: change_weights(folder, lambda weights: weights.update({KERNEL: np.zeros((8, 3), np.float16)})),
        "has shape",
    ),
    "weights of another model": (
        lambda folder: change_weights(folder, lambda weights: weights.update({KERNEL: -weights[KERNEL]})),
        "stored test pictures",
    ),
}


def register_hostile(artifact: Path, folder: Path, name: str, slug: str) -> ModelVersion:
    """A version whose stored artifact is a spoiled copy of a good one, put there behind our own verbs' back."""
    shutil.copytree(artifact, folder)
    change_manifest(folder, lambda values: values.update(data_fingerprint=name))
    HOSTILE[name][0](folder)
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    for path in folder.iterdir():
        default_storage.save(f"models/{digest}/{path.name}", ContentFile(path.read_bytes()))
    classifier = create_classifier(slug=slug, labels=LABELS)
    return register_version(classifier=classifier, digest=digest, manifest={"labels": LABELS}, metrics={})
