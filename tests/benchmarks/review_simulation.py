"""What the review queue's choice is worth: simulated reviewers correct what it chooses, or pictures drawn at random.

    python -m tests.benchmarks.review_simulation [--seeds 0 1 2 3 4]

Fashion-MNIST. A model learns from 1,000 training pictures; 10,000 others come in and are answered. In two rounds of
1,000 reviews, with a training after each, one side reviews what teaches most by the queue's measure (the margin of the
calibrated scores), the other side as many at random. The audit draws nothing. Every review is right. Accuracy is that
on the 10,000 official test pictures, which decide nothing. Both sides train with the same settings and seed. Writes
docs/review-queue.svg and docs/review-queue.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.usefulness import usefulness_of
from ml.data_types import Integers, LabelledImages, Pixels, TrainingData
from ml.datasets import FASHION_LABELS, find_idx_pairs, read_idx
from ml.device import prepare_device
from ml.preprocessing import Preprocessing
from ml.training import train
from ml.training_settings import TrainingSettings
from tests.stack import ROOT

FASHION = ROOT.parent / "shared" / "data" / "fashion-mnist"
START, STREAM, A_ROUND, ROUNDS, VALIDATION = 1000, 10_000, 1000, 2, 300
SETTINGS = {
    "recipe": "small",
    "batch_size": 64,
    "shift_pixels": 1,
    "network_settings": {"stem": 32, "widths": [64, 128], "blocks": [0, 0]},
}
STEPS = 900
Chosen = NDArray[np.int64]


class Simulation:
    """One seed: which pictures there are, and what a model that learned from some of them knows."""

    def __init__(self, pictures: Pixels, labels: Integers, test: LabelledImages, seed: int) -> None:
        self.pictures, self.labels, self.test, self.seed = pictures, labels, test, seed
        self.chance = np.random.default_rng(seed)
        order = self.chance.permutation(len(labels))
        self.start, self.stream = order[:START], order[START : START + STREAM]

    def learn(self, chosen: Chosen) -> tuple[float, Any]:
        """`(accuracy on the test pictures, the model)` after training on these pictures."""
        from ml.inference import LoadedModel

        order = np.random.default_rng(self.seed).permutation(chosen)
        share = VALIDATION * len(chosen) // (START + A_ROUND * ROUNDS)
        data = TrainingData(
            list(FASHION_LABELS),
            Preprocessing("grey_bright_on_dark", 28, 28, 1),
            LabelledImages(self.pictures[order[share:]], self.labels[order[share:]]),
            LabelledImages(self.pictures[order[:share]], self.labels[order[:share]]),
            self.test,
            "simulated",
        )
        epochs = max(1, round(STEPS / ((len(order) - share) // SETTINGS["batch_size"])))  # type: ignore[operator]
        settings = TrainingSettings.from_dict({**SETTINGS, "epochs": epochs, "seed": self.seed})
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "artifact"
            outcome = train(data, settings, folder=folder, on_progress=lambda _: None, should_stop=lambda: False)
            return outcome.metrics["holdout"]["accuracy"], LoadedModel.load(folder)

    def choose_useful(self, model: Any, known: Chosen) -> Chosen:
        """The queue's order: highest usefulness first."""
        waiting = np.setdiff1d(self.stream, known)
        answers = [
            answer
            for first in range(0, len(waiting), 256)
            for answer in model.predict(self.pictures[waiting[first : first + 256]])
        ]
        useful = np.asarray([usefulness_of(answer.scores) for answer in answers])
        return waiting[np.argsort(-useful, kind="stable")[:A_ROUND]]

    def choose_random(self, known: Chosen) -> Chosen:
        return self.chance.permutation(np.setdiff1d(self.stream, known))[:A_ROUND]

    def run(self) -> dict[str, list[float]]:
        """Accuracies after 0, 1,000 and 2,000 reviews of both sides."""
        first, model = self.learn(self.start)
        curves = {"queue": [first], "random": [first]}
        for side, curve in curves.items():
            known, knows = self.start, model
            for _ in range(ROUNDS):
                more = self.choose_useful(knows, known) if side == "queue" else self.choose_random(known)
                known = np.concatenate([known, more])
                accuracy, knows = self.learn(known)
                curve.append(accuracy)
        return curves


def read_fashion() -> tuple[Pixels, Integers, LabelledImages]:
    pairs = find_idx_pairs(FASHION)
    (pictures, labels), (test, test_labels) = (
        (read_idx(images)[..., None], read_idx(answers).astype(np.int32))
        for images, answers in (pairs["train"], pairs["test"])
    )
    return pictures, labels, LabelledImages(test, test_labels)


def draw(curves: list[dict[str, list[float]]]) -> str:
    """Both means with each seed's line behind, as SVG."""
    low = min(min(each[side]) for each in curves for side in each) - 0.005
    high = max(max(each[side]) for each in curves for side in each) + 0.005
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" font-family="sans-serif" font-size="13">']
    parts.append('<rect width="640" height="360" fill="#ffffff"/>')

    def place(step: int, value: float) -> str:
        return f"{70 + step * 520 / ROUNDS:.1f},{310 - (value - low) / (high - low) * 270:.1f}"

    for percent in range(int(low * 100) + 1, int(high * 100) + 1):
        _, y = place(0, percent / 100).split(",")
        parts.append(
            f'<path d="M70 {y}H590" stroke="#d8dedb"/><text x="62" y="{y}" text-anchor="end">{percent} %</text>'
        )
    for step in range(ROUNDS + 1):
        x, _ = place(step, low).split(",")
        parts.append(f'<text x="{x}" y="332" text-anchor="middle">{step * A_ROUND:,} reviews</text>')
    for side, colour in (("random", "#7f8b86"), ("queue", "#0a6b5e")):
        for each in curves:
            points = " ".join(place(step, value) for step, value in enumerate(each[side]))
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-opacity="0.25"/>')
        means = [statistics.mean(each[side][step] for each in curves) for step in range(ROUNDS + 1)]
        points = " ".join(place(step, value) for step, value in enumerate(means))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="3"/>')
        x, y = place(ROUNDS, means[-1]).split(",")
        words = "chosen by the queue" if side == "queue" else "at random"
        parts.append(f'<text x="{x}" y="{float(y) - 8:.1f}" text-anchor="end" fill="{colour}">{words}</text>')
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Run every seed, write picture and figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    prepare_device()
    fashion = read_fashion()
    curves = []
    for seed in options.seeds:
        curves.append(Simulation(*fashion, seed).run())
        gain = curves[-1]["queue"][-1] - curves[-1]["random"][-1]
        sys.stdout.write(f"seed {seed}: {json.dumps(curves[-1])} gain {gain:+.2%}\n")
        sys.stdout.flush()
    gains = [each["queue"][-1] - each["random"][-1] for each in curves]
    sys.stdout.write(f"mean gain {statistics.mean(gains):+.2%}, least {min(gains):+.2%} (wanted: +0.8 % and > 0)\n")
    (options.folder / "review-queue.svg").write_text(draw(curves), encoding="utf-8")
    (options.folder / "review-queue.json").write_text(json.dumps(curves, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
