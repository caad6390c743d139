"""A model without TensorFlow that tells which half of a picture is brighter, and a dataset that holds a wrong label."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.model_registry import register_version
from classifier.models import Classifier, ModelVersion
from ml.data_types import Answer
from ml.preprocessing import Preprocessing
from ml.splits import content_digest
from tests.dataset_makers import write_halves

PLANTED = 6
TEMPERATURE = 0.5
LIMIT = 0.912


class HalvesPredictor:
    """Satisfies `ml.data_types.Predictor`: the brighter half decides, by how much is the confidence."""

    memory_bytes = 1000
    preprocessing = Preprocessing("grey_bright_on_dark", 8, 8, 1)

    def __init__(self, *, blind_to: int | None = None) -> None:
        self.labels = ["0", "1"]
        self._blind_to = blind_to

    def warm_up(self, max_batch: int = 64, seconds: float = 1.0) -> int:
        return max_batch

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        raise NotImplementedError

    def predict(self, batch: NDArray[np.uint8]) -> list[Answer]:
        scores = score_halves(batch[..., 0])
        if self._blind_to is not None:  # a model that never says this label
            scores = np.roll(np.sort(scores, axis=1), self._blind_to, axis=1)
        return [
            Answer(int(row.argmax()), float(row.max()), row.tolist(), bool(row.max() < LIMIT), unfamiliar=False)
            for row in scores
        ]


def score_halves(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n, 8, 8) → (n, 2) scores that sum to 1."""
    values = pictures.astype(np.float64)
    difference = values[:, :4].mean(axis=(1, 2)) - values[:, 4:].mean(axis=(1, 2))
    first = 1 / (1 + np.exp(-difference / 40))
    return np.stack([first, 1 - first], axis=1)


def write_halves_with_a_wrong_label(folder: Path, *, train: int = 200, test: int = 60) -> Path:
    """As `write_halves`, but the test picture PLANTED carries the other label."""
    write_halves(folder, train=train, test=test)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[8 + PLANTED] ^= 1
    path.write_bytes(gzip.compress(bytes(data)))
    return folder


def read_test_part(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`(pictures, labels)` straight from the files, past all our own reading."""
    pixels = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    return np.frombuffer(pixels, np.uint8).reshape(-1, 8, 8), np.frombuffer(labels, np.uint8).astype(np.int64)


def planted_content(folder: Path) -> str:
    """The content digest of the picture with the wrong label."""
    return content_digest("L", 8, 8, read_test_part(folder)[0][PLANTED].tobytes())


def make_halves_version(classifier: Classifier, digest: str = "5" * 64, **manifest: Any) -> ModelVersion:
    """A version whose artifact the test replaces by a `HalvesPredictor`."""
    values = {"labels": ["0", "1"], "temperature": TEMPERATURE, **manifest}
    return register_version(classifier=classifier, digest=digest, manifest=values, metrics={})
