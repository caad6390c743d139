"""The folder a model lives in: manifest, weights, golden answers. Written whole or not at all, checked on reading."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.array_files import ArrayFileError, read_arrays
from ml.errors import MlError
from ml.preprocessing import Preprocessing

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
WEIGHTS = "weights.npz"
GOLDEN = "golden.npz"
MOST_MANIFEST_BYTES = 4 * 1024 * 1024
MOST_WEIGHTS_BYTES = 512 * 1024 * 1024


class ArtifactError(MlError):
    """The folder is no artifact this version may load: damaged, incomplete, or of an unknown kind."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a model but its weights. `network` is {"name", "settings"}; files maps name → hex sha256."""

    labels: list[str]
    network: dict[str, Any]
    preprocessing: Preprocessing
    temperature: float
    thresholds: dict[str, Any]
    energy_threshold: float | None
    mirror_average: bool
    metrics: dict[str, Any]
    data_fingerprint: str
    seed: int
    recipe: dict[str, Any]
    created_at: str
    files: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        values = asdict(self)
        return json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def write_artifact(
    folder: Path,
    manifest: Manifest,
    weights: Mapping[str, NDArray[Any]],
    golden: Mapping[str, NDArray[Any]] | None = None,
) -> Manifest:
    """Write side folder, digests, manifest last, then rename to `folder`; returns the manifest with its digests.

    Weights are stored as float16 where they are floating point: half the size, and the same answers (tests compare).
    Raises ArtifactError where the folder exists or a weight is not finite.
    """
    if folder.exists():
        raise ArtifactError(f"{folder} exists already; an artifact is never written over.")
    side = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(side, ignore_errors=True)
    side.mkdir(parents=True)
    try:
        compact = {name: shrink(name, values) for name, values in weights.items()}
        np.savez(side / WEIGHTS, **compact)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
        if golden:
            np.savez_compressed(side / GOLDEN, **golden)  # type: ignore[arg-type]  # as above
        files = {each.name: digest_file(each) for each in sorted(side.iterdir())}
        complete = Manifest(**{**shallow(manifest), "files": files})
        check_manifest(complete)
        (side / MANIFEST).write_text(complete.to_json(), encoding="utf-8")
        for each in side.iterdir():
            flush(each)
        side.rename(folder)
    except BaseException:
        shutil.rmtree(side, ignore_errors=True)
        raise
    return complete


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest and the digest of every file it lists. Raises ArtifactError."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MOST_MANIFEST_BYTES:
            raise ArtifactError(f"{path} is larger than a manifest can be.")
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("format_version") != FORMAT_VERSION:
            raise ArtifactError(f"{path} is not a manifest of format version {FORMAT_VERSION}.")
        values["preprocessing"] = Preprocessing.from_dict(values["preprocessing"])
        manifest = Manifest(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MlError) as problem:
        if isinstance(problem, ArtifactError):
            raise
        raise ArtifactError(f"{path} is not a readable manifest: {problem}") from problem
    check_manifest(manifest)
    check_files(folder, manifest)
    return manifest


def read_weights(folder: Path, manifest: Manifest) -> dict[str, NDArray[np.float32]]:
    """Name → float32 array, from bytes whose digest has been checked. Raises ArtifactError, also for NaN."""
    check_files(folder, manifest)
    try:
        stored = read_arrays(folder / WEIGHTS, MOST_WEIGHTS_BYTES)
    except ArrayFileError as problem:
        raise ArtifactError(f"The weights in {folder} cannot be read: {problem}") from problem
    weights = {name: values.astype(np.float32) for name, values in stored.items()}
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ArtifactError(f"The weights {name} in {folder} hold values that are not finite.")
    return weights


def check_manifest(manifest: Manifest) -> None:
    """Raises ArtifactError where the parts contradict each other."""
    count = len(manifest.labels)
    if count < 2 or len(set(manifest.labels)) != count or not all(isinstance(each, str) for each in manifest.labels):
        raise ArtifactError(f"A model needs at least two different labels, not {manifest.labels!r}.")
    if manifest.network.get("outputs") != count:
        raise ArtifactError(f"{count} labels do not fit a network of {manifest.network.get('outputs')} outputs.")
    per_label = manifest.thresholds.get("per_label")
    if not isinstance(per_label, list) or len(per_label) != count or not all(map(is_number, per_label)):
        raise ArtifactError(f"The thresholds do not fit {count} labels: {per_label!r}.")
    if not is_number(manifest.temperature) or manifest.temperature <= 0:
        raise ArtifactError(f"A temperature must be above 0, not {manifest.temperature!r}.")
    if manifest.energy_threshold is not None and not is_number(manifest.energy_threshold):
        raise ArtifactError(f"An energy threshold must be a number, not {manifest.energy_threshold!r}.")
    if set(manifest.files) not in ({WEIGHTS}, {WEIGHTS, GOLDEN}):
        raise ArtifactError(f"An artifact holds exactly {WEIGHTS}, and {GOLDEN} at most, not {sorted(manifest.files)}.")


def check_network_size(manifest: Manifest, weights: Mapping[str, NDArray[Any]]) -> None:
    """No number that describes the network may pass what the weights hold, else building it could fill the memory.

    Raises ArtifactError.
    """
    largest = max([len(weights), *(side for values in weights.values() for side in values.shape)])
    settings = manifest.network.get("settings", {})
    if not isinstance(settings, dict):
        raise ArtifactError(f"The settings of a network must be given by name, not as {settings!r}.")
    for name, value in settings.items():
        numbers = value if isinstance(value, list) else [value]
        if len(numbers) > largest or any(isinstance(each, int) and not 0 <= each <= largest for each in numbers):
            raise ArtifactError(f"The weights do not fit a network whose {name} is {str(value)[:60]}.")


def check_files(folder: Path, manifest: Manifest) -> None:
    for name, expected in manifest.files.items():
        try:
            found = digest_file(folder / name)
        except OSError as problem:
            raise ArtifactError(f"{name} is missing from {folder}: {problem}") from problem
        if found != expected:
            raise ArtifactError(f"{name} in {folder} is damaged: its digest is {found}, not {expected}.")


def shrink(name: str, values: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        compact = values.astype(np.float16) if np.issubdtype(values.dtype, np.floating) else values
    if not np.isfinite(compact).all():
        raise ArtifactError(f"The weights {name} hold values that are not finite in 16 bits; nothing was written.")
    return compact


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def shallow(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}


def digest_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def flush(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
