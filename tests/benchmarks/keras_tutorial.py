"""The peer of P4: the convolutional network of Keras' tutorials for beginners, on Fashion-MNIST, in its own process.

    python -m tests.benchmarks.keras_tutorial FOLDER

Two convolutions with pooling, dropout, a dense layer of 128, Adam, batches of 128, twelve epochs. Writes one line of
JSON: accuracy on the test pictures, and the seconds from the start of the process to the end of the last epoch, with
the reading of the data and the compilation.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()
EPOCHS, BATCH = 12, 128


def main(folder: Path) -> None:
    """Train, measure, write the line."""
    import keras
    from keras import layers

    from ml.datasets import find_idx_pairs, read_idx

    pairs = find_idx_pairs(folder)
    (train, train_labels), (test, test_labels) = (
        (read_idx(pictures)[..., None].astype("float32") / 255, read_idx(labels).astype("int32"))
        for pictures, labels in (pairs["train"], pairs["test"])
    )
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(train, train_labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    seconds = time.perf_counter() - STARTED
    accuracy = network.evaluate(test, test_labels, verbose=0)[1]
    sys.stdout.write(json.dumps({"seconds": seconds, "accuracy": float(accuracy)}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
