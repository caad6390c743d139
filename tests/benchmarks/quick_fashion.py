"""Ours of P4: the recipe `small` as docs/examples/fashion-quick.yaml sets it, in its own process.

    python -m tests.benchmarks.quick_fashion FOLDER

Writes one line of JSON as keras_tutorial does. The seconds run from the start of the process to the finished artifact:
calibration and the measurement on the test pictures are in them. The test pictures are the holdout, which decides
nothing; a twentieth of the training pictures is validation.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

STARTED = time.perf_counter()
CONFIGURATION = Path(__file__).parents[2] / "docs" / "examples" / "fashion-quick.yaml"
RUN_KEYS = {"classifier", "name", "datasets", "promote", "policy", "image_size"}


def main(folder: Path) -> None:
    """Train, measure, write the line."""
    import numpy as np
    import yaml

    from ml.data_types import LabelledImages, TrainingData
    from ml.datasets import FASHION_LABELS, find_idx_pairs, read_idx
    from ml.device import prepare_device
    from ml.preprocessing import Preprocessing
    from ml.training import train
    from ml.training_settings import TrainingSettings

    pairs = find_idx_pairs(folder)
    (pictures, labels), (test, test_labels) = (
        (read_idx(images)[..., None], read_idx(answers).astype(np.int32))
        for images, answers in (pairs["train"], pairs["test"])
    )
    is_validation = np.random.default_rng(0).random(len(labels)) < 0.05
    data = TrainingData(
        list(FASHION_LABELS),
        Preprocessing("grey_bright_on_dark", 28, 28, 1),
        LabelledImages(pictures[~is_validation], labels[~is_validation]),
        LabelledImages(pictures[is_validation], labels[is_validation]),
        LabelledImages(test, test_labels),
        "quick",
    )
    said = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    settings = TrainingSettings.from_dict({name: value for name, value in said.items() if name not in RUN_KEYS})
    prepare_device()
    with tempfile.TemporaryDirectory() as place:
        outcome = train(
            data, settings, folder=Path(place) / "artifact", on_progress=lambda news: None, should_stop=lambda: False
        )
    seconds = time.perf_counter() - STARTED
    accuracy = outcome.metrics["holdout"]["accuracy"]
    sys.stdout.write(json.dumps({"seconds": seconds, "accuracy": accuracy}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
