"""The curve of the simulated reviewers as SVG that reads on light and dark pages."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

LEFT, RIGHT, TOP, BOTTOM = 70.0, 600.0, 24.0, 310.0
WORDS: Final = {"random": "at random", "queue": "chosen by the queue"}
STYLE: Final = """
  .page { fill: #ffffff } .grid { stroke: #d8dedb } text { fill: #3c4845 }
  .line { fill: none } .queue { stroke: #0a6b5e } .random { stroke: #8a5a00 }
  .one { stroke-opacity: 0.35 } .mean { stroke-width: 3 } .random.mean { stroke-dasharray: 8 4 }
  .word { stroke: none } .word.queue { fill: #0a6b5e } .word.random { fill: #8a5a00 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #1a201e } .grid { stroke: #39433f } text { fill: #c9d3cf }
    .queue { stroke: #5fd0bd } .random { stroke: #e8b04f }
    .word.queue { fill: #5fd0bd } .word.random { fill: #e8b04f }
  }
"""


def draw(seeds: Sequence[Mapping[str, Any]], *, a_round: int) -> str:
    """Each seed's two lines thin, their means thick; the last point is the mean of the repeated trainings."""
    curves = {
        side: [[*seed[side]["curve"][:-1], statistics.mean(seed[side]["last"])] for seed in seeds] for side in WORDS
    }
    values = [value for lines in curves.values() for line in lines for value in line]
    scale = Scale(min(values) - 0.005, max(values) + 0.005, len(curves["queue"][0]) - 1)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" font-family="sans-serif" font-size="13" '
        'role="img" aria-label="Accuracy against reviews: chosen by the queue, and at random">',
        f"<style>{STYLE}</style>",
        '<rect class="page" width="640" height="360"/>',
        *_draw_grid(scale, a_round),
    ]
    for side, lines in curves.items():
        parts += [_draw_line(scale, line, f"{side} one") for line in lines]
    for side, lines in curves.items():
        mean = [statistics.mean(step) for step in zip(*lines, strict=True)]
        parts.append(_draw_line(scale, mean, f"{side} mean"))
        parts.append(_draw_word(scale, mean, side))
    return "\n".join([*parts, "</svg>\n"])


def _points(side: Mapping[str, Any]) -> list[float]:
    return [*side["curve"][:-1], statistics.mean(side["last"])]


class Scale:
    """From a step and a share to a place in the picture."""

    def __init__(self, low: float, high: float, steps: int) -> None:
        self.low, self.high, self.steps = low, high, steps

    def place_x(self, step: float) -> float:
        return LEFT + step * (RIGHT - LEFT) / self.steps

    def place_y(self, value: float) -> float:
        return BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)


def _draw_grid(scale: Scale, a_round: int) -> list[str]:
    parts = []
    for percent in range(int(scale.low * 100) + 1, int(scale.high * 100) + 1):
        y = scale.place_y(percent / 100)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    for step in range(scale.steps + 1):
        words = f"{step * a_round:,}"
        parts.append(f'<text x="{scale.place_x(step):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{words}</text>')
    parts.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 40}" text-anchor="middle">reviews</text>')
    return parts


def _draw_line(scale: Scale, line: Sequence[float], names: str) -> str:
    points = " ".join(f"{scale.place_x(step):.1f},{scale.place_y(value):.1f}" for step, value in enumerate(line))
    return f'<polyline class="line {names}" points="{points}"/>'


def _draw_word(scale: Scale, mean: Sequence[float], side: str) -> str:
    """Above the upper line, below the lower one, where the picture has room."""
    step = scale.steps - 0.6
    y = scale.place_y(mean[-1]) + (-34 if side == "queue" else 52)
    words = f"{WORDS[side]}: {mean[-1]:.1%}".replace("%", " %")
    return f'<text class="word {side}" x="{scale.place_x(step):.1f}" y="{y:.1f}" text-anchor="end">{words}</text>'
