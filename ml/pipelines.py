"""How training batches are drawn and varied. The same (seed, epoch) always gives the same batches.

Keras' layers (RandomFlip, RandomTranslation) draw from a state that runs on from batch to batch, so that a resumed run
would see other pictures than an uninterrupted one; and an epoch of 60,000 pictures of 28x28 takes them 2.7 to 5.2 s on
two cores where these functions take 0.8 to 1.3 s.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.class_balance import weigh_labels
from ml.data_types import Floats, LabelledImages, Pixels
from ml.packed_pictures import unpack
from ml.training_settings import TrainingSettings

ERASED_AREA = (0.02, 0.25)
ERASED_ASPECT = (0.4, 2.5)


class AugmentedBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """Shuffled, augmented batches of one epoch after another, for `keras.Model.fit` on any backend.

    Each item is (float32 pixels 0..255 of (batch, height, width, channels), one-hot float32 labels (batch, outputs)),
    and the weight of each example where labels do not count alike. The last, incomplete batch of an epoch is left out
    unless it is the only one; shuffling spreads what is missed.
    """

    def __init__(
        self, examples: LabelledImages, outputs: int, settings: TrainingSettings, scratch: Path | None = None
    ) -> None:
        """Pictures that are still packed and many are unpacked into a file in the folder `scratch`."""
        super().__init__(workers=1, use_multiprocessing=False)
        self.examples = examples
        self.answers = np.eye(outputs, dtype=np.float32)
        self.label_weights = weigh_labels(examples.labels, outputs, wanted=settings.class_weights)
        self.settings = settings
        self.batch_size = min(settings.batch_size, len(examples))
        self.padded = pad(unpack(examples.images, scratch), settings.shift_pixels)
        self.start_at(0)

    def __len__(self) -> int:
        return len(self.examples) // self.batch_size

    def __getitem__(self, index: int) -> tuple[Floats, ...]:
        random = np.random.default_rng((self.settings.seed, self.epoch, 1, index))
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = shift_and_mirror(self.padded, chosen, self.settings.shift_pixels, self.settings.mirror, random)
        if self.settings.erase_share:
            erase_rectangles(images, self.settings.erase_share, random)
        labels = self.examples.labels[chosen]
        batch = images.astype(np.float32), self.answers[labels]
        if len(set(self.label_weights)) == 1:
            return batch
        return *batch, np.asarray(self.label_weights, np.float32)[labels]

    def start_at(self, epoch: int) -> None:
        self.epoch = epoch
        self.order = np.random.default_rng((self.settings.seed, epoch, 0)).permutation(len(self.examples))

    def on_epoch_end(self) -> None:
        self.start_at(self.epoch + 1)


def pad(images: Pixels, margin: int) -> Pixels:
    """Add `margin` black pixels on each side: (n, h, w, c) → (n, h + 2 margin, w + 2 margin, c)."""
    if not margin:
        return images
    return np.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))


def shift_and_mirror(
    padded: Pixels, chosen: NDArray[Any], margin: int, mirror: bool, random: np.random.Generator
) -> Pixels:
    """Cut a window out of each chosen padded picture, up to `margin` off the centre, and mirror every second one."""
    count = len(chosen)
    height, width = padded.shape[1] - 2 * margin, padded.shape[2] - 2 * margin
    down = random.integers(0, 2 * margin + 1, count)
    right = random.integers(0, 2 * margin + 1, count)
    mirrored = (random.random(count) < 0.5) & mirror
    columns = np.arange(width)
    rows = down[:, None] + np.arange(height)
    turned = right[:, None] + np.where(mirrored[:, None], columns[::-1], columns)
    cut: Pixels = padded[chosen[:, None, None], rows[:, :, None], turned[:, None, :]]
    return cut


def erase_rectangles(images: Pixels, share: float, random: np.random.Generator) -> None:
    """Overwrite a random rectangle of noise in `share` of the pictures, in place (Zhong et al., arXiv 1708.04896)."""
    height, width, channels = images.shape[1:]
    for index in np.flatnonzero(random.random(len(images)) < share):
        area = random.uniform(*ERASED_AREA) * height * width
        aspect = math.exp(random.uniform(math.log(ERASED_ASPECT[0]), math.log(ERASED_ASPECT[1])))
        tall = int(np.clip(math.sqrt(area * aspect), 1, height))
        wide = int(np.clip(math.sqrt(area / aspect), 1, width))
        top, left = random.integers(0, height - tall + 1), random.integers(0, width - wide + 1)
        noise = random.integers(0, 256, (tall, wide, channels), dtype=np.uint8)
        images[index, top : top + tall, left : left + wide] = noise
