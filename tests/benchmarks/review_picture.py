"""The curve of the simulated reviewers as SVG that reads on light and dark pages."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

LEFT, RIGHT, TOP, BOTTOM = 70.0, 600.0, 24.0, 310.0
Point = tuple[int, float]
WORDS: Final = {"random": "at random", "queue": "chosen by the queue"}
STYLE: Final = """
  .page { fill: #ffffff } .grid { stroke: #d8dedb } text { fill: #3c4845 }
  .line { fill: none } .line.queue { stroke: #0a6b5e } .line.random { stroke: #8a5a00 }
  .one { stroke-opacity: 0.35 } .mean { stroke-width: 3 } .random.mean { stroke-dasharray: 8 4 }
  .word.queue { fill: #0a6b5e } .word.random { fill: #8a5a00 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #1a201e } .grid { stroke: #39433f } text { fill: #c9d3cf }
    .line.queue { stroke: #5fd0bd } .line.random { stroke: #e8b04f }
    .word.queue { fill: #5fd0bd } .word.random { fill: #e8b04f }
  }
"""


def draw(seeds: Sequence[Mapping[str, Any]]) -> str:
    """Each seed's two lines thin, their means thick; the last point is the mean of the repeated trainings."""
    curves = {side: [_points(seed[side]) for seed in seeds] for side in WORDS}
    values = [value for lines in curves.values() for line in lines for _, value in line]
    reviews = sorted({step for line in curves["queue"] for step, _ in line})
    scale = Scale(min(values) - 0.005, max(values) + 0.005, reviews[-1])
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" font-family="sans-serif" font-size="13" '
        'role="img" aria-label="Accuracy against reviews: chosen by the queue, and at random">',
        f"<style>{STYLE}</style>",
        '<rect class="page" width="640" height="360"/>',
        *_draw_grid(scale, reviews),
    ]
    for side, lines in curves.items():
        parts += [_draw_line(scale, line, f"{side} one") for line in lines]
    for side, lines in curves.items():
        mean = [(points[0][0], statistics.mean(value for _, value in points)) for points in zip(*lines, strict=True)]
        parts.append(_draw_line(scale, mean, f"{side} mean"))
        parts.append(_draw_word(scale, mean, side))
    return "\n".join([*parts, "</svg>\n"])


def _points(side: Mapping[str, Any]) -> list[Point]:
    *before, (reviews, _) = side["curve"]
    return [*((step, value) for step, value in before), (reviews, statistics.mean(side["last"]))]


class Scale:
    """From reviews and a share to a place in the picture."""

    def __init__(self, low: float, high: float, reviews: int) -> None:
        self.low, self.high, self.reviews = low, high, reviews

    def place_x(self, reviews: float) -> float:
        return LEFT + reviews * (RIGHT - LEFT) / self.reviews

    def place_y(self, value: float) -> float:
        return BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)


def _draw_grid(scale: Scale, reviews: Sequence[int]) -> list[str]:
    parts = []
    for percent in range(int(scale.low * 100) + 1, int(scale.high * 100) + 1):
        y = scale.place_y(percent / 100)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    below = f'y="{BOTTOM + 20}" text-anchor="middle"'
    parts += [f'<text x="{scale.place_x(step):.1f}" {below}>{step:,}</text>' for step in reviews]
    return [*parts, f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 40}" text-anchor="middle">reviews</text>']


def _draw_line(scale: Scale, line: Sequence[Point], names: str) -> str:
    points = " ".join(f"{scale.place_x(step):.1f},{scale.place_y(value):.1f}" for step, value in line)
    return f'<polyline class="line {names}" points="{points}"/>'


def _draw_word(scale: Scale, mean: Sequence[Point], side: str) -> str:
    """Above the upper line, below the lower one, where the picture has room."""
    reviews, value = mean[-1]
    x, y = scale.place_x(0.85 * reviews), scale.place_y(value) + (-34 if side == "queue" else 84)
    words = f"{WORDS[side]}: {value:.1%}".replace("%", " %")
    return f'<text class="word {side}" x="{x:.1f}" y="{y:.1f}" text-anchor="end">{words}</text>'
