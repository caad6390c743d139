"""A model that needs no TensorFlow: its answer follows from the pixels, and it can be slow, fail, hang or kill.

Settings come from the environment, read at every batch: STUB_BATCH_SECONDS, STUB_IMAGE_SECONDS, and STUB_TRAP,
`first grey value=action` with action `raise`, `hang` or `kill`.
"""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.data_types import Answer
from ml.preprocessing import Preprocessing

LABELS = ["cat", "dog", "bird"]


class StubPredictor:
    """Satisfies `ml.data_types.Predictor`."""

    memory_bytes = 1000
    preprocessing = Preprocessing("grey_bright_on_dark", 28, 28, 1)

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self.labels = list(LABELS)

    @classmethod
    def load(cls, folder: Path) -> StubPredictor:
        """The offset in the weights file tells one stub version from another."""
        return cls(int((folder / "weights.weights.h5").read_text()))

    def warm_up(self, max_batch: int = 64, seconds: float = 1.0) -> int:
        return int(os.environ.get("STUB_BATCH", max_batch))

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        with Pillow.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("L").resize((28, 28)))[..., None]

    def predict(self, batch: NDArray[np.uint8]) -> Sequence[Answer]:
        seconds = float(os.environ.get("STUB_BATCH_SECONDS", "0"))
        # Not time.sleep: below libfaketime it ends at once, with an error (tests/faults/test_clocks.py).
        threading.Event().wait(seconds + len(batch) * float(os.environ.get("STUB_IMAGE_SECONDS", "0")))
        trap, _, action = os.environ.get("STUB_TRAP", "").partition("=")
        return [self._answer(image, trap, action) for image in batch]

    def _answer(self, image: NDArray[np.uint8], trap: str, action: str) -> Answer:
        if trap and int(image[0, 0, 0]) == int(trap):
            spring(action)
        index = (int(image.sum()) + self._offset) % len(self.labels)
        scores = [0.05] * len(self.labels)
        scores[index] = 1 - 0.05 * (len(self.labels) - 1)
        return Answer(index, scores[index], scores, unsure=False, unfamiliar=False)


def grey_sum(data: bytes) -> int:
    """What the answer follows from: the sum of a test picture's pixels."""
    with Pillow.open(io.BytesIO(data)) as picture:
        return int(np.asarray(picture.convert("L").resize((28, 28))).sum())


def spring(action: str) -> None:
    """What the trap does."""
    if action == "raise":
        raise RuntimeError("the stub was told to fail on this picture")
    if action == "hang":
        time.sleep(3600)
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


def install_stub_version(offset: int, *, live: bool = True) -> str:
    """Register a stub version of classifier `pets` with a real artifact folder; returns the version's id."""
    import hashlib
    import json
    import tempfile

    from classifier.artifact_storage import save_artifact_folder
    from classifier.classifiers import create_classifier
    from classifier.model_registry import promote, register_version

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = str(offset).encode()
        (folder / "weights.weights.h5").write_bytes(weights)
        files = {"weights.weights.h5": hashlib.sha256(weights).hexdigest()}
        manifest = {"format_version": 1, "labels": LABELS, "files": files}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        digest = save_artifact_folder(folder)
    classifier = create_classifier(slug="pets", name="Pets", labels=LABELS)
    version = register_version(classifier=classifier, digest=digest, manifest=manifest, metrics={})
    if live:
        promote(version=version, reason="stub")
    return str(version.id)
