"""P5 and P5b: what computing features once saves, and how well cats and dogs are told apart on them.

    python -m tests.benchmarks.ml_transfer [--p5-pictures 2000] [--seeds 0 1 2]

P5 trains ten epochs of a head twice: on features computed once, and on features computed anew in every epoch, from the
same pictures in the same order and with the same views; without the mirror (one view) and with it (one of two views an
epoch, so that the one side computes two views and the other ten). P5b takes all 2,000 photos in five folds: 1,600 to
learn from, of which a tenth is validation as in a training run, and 400 to measure on. Both with the settings of the
recipe `transfer` as it is shipped. Needs ../shared/data.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones import choose_input, find_backbone, find_weights
from ml.data_types import Integers, Pixels
from ml.device import choose_number_format
from ml.feature_cache import Features
from ml.features import FeatureExtractor
from ml.heads import FeatureBatches, FeatureSet, HeadRun, apply_head
from ml.images import prepare_image
from ml.inference import put_weights
from ml.networks import build_network
from ml.training_settings import TrainingSettings
from ml.transfer_network import load_backbone

DATA = Path(__file__).parents[2].parent / "shared" / "data"
FOLDS, EPOCHS = 5, 10
DEFAULTS = TrainingSettings.from_dict({"recipe": "transfer"})


class RecomputedBatches(FeatureBatches):
    """As FeatureBatches, from pictures whose features are computed anew in each epoch, in the view that it shows."""

    def __init__(
        self, images: Pixels, extractor: FeatureExtractor, examples: FeatureSet, run: HeadRun, outputs: int
    ) -> None:
        self.shown = FeatureBatches(examples, run.norm, outputs, run.settings)
        self.images, self.extractor = images, extractor
        super().__init__(examples, run.norm, outputs, run.settings)

    def start_at(self, epoch: int) -> None:
        """Computes the epoch's features; the constructor's own call is not timed."""
        self.shown.start_at(epoch)
        self.order, views = self.shown.order, self.shown.views
        seen = np.where((views == 1)[:, None, None, None], self.images[:, :, ::-1], self.images)
        self.examples = FeatureSet(self.extractor.compute(seen)[:, None], self.shown.examples.labels)
        self.views = np.zeros_like(views)


def read_photos() -> tuple[Pixels, Integers]:
    """All photos as the backbone takes them, and 0 for cats, 1 for dogs."""
    preprocessing = choose_input(find_backbone("mobilenet"))
    files = [(path, label) for label, kind in enumerate(("cats", "dogs")) for path in sorted(list_photos(kind))]
    images = np.stack([prepare_image(path.read_bytes(), preprocessing) for path, _ in files])
    return images, np.asarray([label for _, label in files], np.int32)


def list_photos(kind: str) -> list[Path]:
    return list((DATA / "cats-vs-dogs" / kind).glob("*.jpg"))


def build_extractor() -> FeatureExtractor:
    row = find_backbone("mobilenet")
    preprocessing = choose_input(row)
    network = build_network("transfer", {"backbone": row.name}, preprocessing, 2, choose_number_format("auto"))
    weights = load_backbone(row, find_weights(row, DATA / "backbones"))
    put_weights(network, weights, leave=("logits/kernel", "logits/bias"))
    extractor = FeatureExtractor(network, preprocessing, "", None)
    extractor.compute(np.zeros((32, *preprocessing.shape), np.uint8))
    return extractor


def both_views(images: Pixels, extractor: FeatureExtractor) -> Features:
    return np.stack([extractor.extract(images), extractor.extract(images[:, :, ::-1])], axis=1)


def make_run(train: FeatureSet, validation: FeatureSet, settings: TrainingSettings) -> HeadRun:
    return HeadRun(train, validation, 2, settings, lambda _: None, lambda: False)


def measure_p5(images: Pixels, labels: Integers, extractor: FeatureExtractor, mirror: bool) -> tuple[float, float]:
    """`(seconds computed once ÷ seconds computed anew, difference of the accuracies on the validation part)`."""
    settings = replace(DEFAULTS, epochs=EPOCHS, patience_epochs=0, mirror=mirror)
    order = np.random.default_rng(0).permutation(len(labels))
    train, held = order[len(order) // 5 :], order[: len(order) // 5]
    validation = FeatureSet(extractor.compute(images[held])[:, None], labels[held])
    started = time.perf_counter()
    features = both_views(images[train], extractor) if mirror else extractor.extract(images[train])[:, None]
    examples = FeatureSet(features, labels[train])
    once = make_run(examples, validation, settings)
    once.fit()
    once_seconds = time.perf_counter() - started
    anew = make_run(examples, validation, settings)
    anew.batches = RecomputedBatches(images[train], extractor, examples, anew, 2)
    started = time.perf_counter()
    anew.fit()
    anew_seconds = time.perf_counter() - started
    accuracies = [accuracy(run, validation.features, validation.labels) for run in (once, anew)]
    sys.stdout.write(
        f"P5 {'with' if mirror else 'without'} mirror, {len(train)} pictures: once {once_seconds:.1f} s, "
        f"anew {anew_seconds:.1f} s, ratio {once_seconds / anew_seconds:.3f}, "
        f"accuracy {accuracies[0]:.2%} and {accuracies[1]:.2%}\n"
    )
    return once_seconds / anew_seconds, accuracies[0] - accuracies[1]


def measure_p5b(features: Features, labels: Integers, seed: int) -> tuple[float, float]:
    """Mean accuracies of five folds: for the picture as it is, and for the mean with its mirror image."""
    order = np.random.default_rng(seed).permutation(len(labels))
    folds = np.array_split(order, FOLDS)
    results: list[list[float]] = []
    for test in folds:
        rest = order[~np.isin(order, test)]
        validation, train = rest[: len(rest) // 10], rest[len(rest) // 10 :]
        run = make_run(take(features, labels, train), take(features[:, :1], labels, validation), DEFAULTS)
        run.fit()
        results.append([accuracy(run, features[test, :views], labels[test]) for views in (1, 2)])
    plain, averaged = np.mean(results, axis=0).tolist()
    each = ", ".join(f"{fold[0]:.2%}" for fold in results)
    sys.stdout.write(f"P5b seed {seed}: {plain:.2%} ({each}); with mirror averaging {averaged:.2%}\n")
    return plain, averaged


def take(features: Features, labels: Integers, chosen: NDArray[np.int64]) -> FeatureSet:
    return FeatureSet(features[chosen], labels[chosen])


def accuracy(run: HeadRun, features: Features, labels: Integers) -> float:
    return float((apply_head(run.best, features).argmax(axis=1) == labels).mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--p5-pictures", type=int, default=2000, metavar="N")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one shuffle into folds each")
    options = parser.parse_args(arguments)
    images, labels = read_photos()
    extractor = build_extractor()
    started = time.perf_counter()
    features = both_views(images, extractor)
    sys.stdout.write(f"{2 * len(images) / (time.perf_counter() - started):.0f} images/s through the backbone\n")
    means = [measure_p5b(features, labels, seed) for seed in options.seeds]
    plain, averaged = np.mean(means, axis=0).tolist()
    sys.stdout.write(f"P5b: {plain:.2%} over all seeds, with mirror averaging {averaged:.2%} (goal 97.5 %)\n")
    chosen = np.random.default_rng(1).permutation(len(labels))[: options.p5_pictures]
    for mirror in (False, True):
        measure_p5(images[chosen], labels[chosen], extractor, mirror)


if __name__ == "__main__":
    main()
