"""Thirty garments drawn with Pillow: ten kinds, three pictures each, on white, grey and dark grounds, in colour."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

Points = list[tuple[float, float]]
Colour = tuple[int, int, int]
HOLE = 0.0
GROUNDS: list[Colour] = [(255, 255, 255), (128, 130, 127), (24, 24, 28)]
COLOURS: list[list[Colour]] = [
    [(30, 60, 140), (160, 30, 40), (40, 40, 45), (20, 110, 70), (120, 80, 40)],
    [(245, 240, 230), (30, 30, 60), (250, 210, 60), (150, 20, 60), (20, 20, 20)],
    [(240, 235, 225), (230, 120, 120), (120, 190, 230), (220, 210, 90), (200, 200, 205)],
]
SIZES = [(640, 640), (900, 1200), (480, 360)]


@dataclass(frozen=True)
class Garment:
    """Parts in order: an outline in 0..1 with its brightness; 1 is the garment's colour, HOLE lets the ground through."""

    label: str
    aspect: float
    parts: list[tuple[Points, float]]


def mirrored(points: Points) -> Points:
    """The outline of a left half, completed by its mirror image."""
    return points + [(1 - x, y) for x, y in reversed(points)]


def both_sides(points: Points, shade: float) -> list[tuple[Points, float]]:
    return [(points, shade), ([(1 - x, y) for x, y in points], shade)]


def line(x1: float, y1: float, x2: float, y2: float, thickness: float) -> Points:
    return [(x1, y1), (x2, y2), (x2 + thickness, y2 + thickness), (x1 + thickness, y1 + thickness)]


SHORT_SLEEVES = mirrored([(0.40, 0.0), (0.26, 0.03), (0.0, 0.24), (0.11, 0.36), (0.22, 0.28), (0.22, 1.0)])
WIDE_SHORT_SLEEVES = mirrored([(0.38, 0.0), (0.24, 0.03), (0.0, 0.30), (0.13, 0.40), (0.23, 0.30), (0.21, 1.0)])
TANK_TOP = mirrored([(0.30, 0.0), (0.20, 0.0), (0.20, 0.22), (0.04, 0.36), (0.06, 1.0)])
NECK = ([(0.40, 0.0), (0.60, 0.0), (0.55, 0.07), (0.45, 0.07)], HOLE)
LONG_SLEEVES = mirrored([(0.38, 0.0), (0.22, 0.05), (0.08, 0.45), (0.0, 0.93), (0.13, 0.96), (0.24, 0.38), (0.23, 1.0)])
STRAIGHT_SLEEVES = mirrored(
    [(0.38, 0.0), (0.20, 0.06), (0.08, 0.5), (0.02, 0.98), (0.16, 1.0), (0.22, 0.4), (0.21, 1.0)]
)
SLEEVE_GAPS = both_sides([(0.225, 0.42), (0.245, 0.42), (0.235, 0.97), (0.15, 0.97)], HOLE)
TROUSERS = mirrored([(0.22, 0.0), (0.14, 0.3), (0.08, 1.0), (0.36, 1.0), (0.49, 0.34)])
SLIM_TROUSERS = mirrored([(0.24, 0.0), (0.16, 0.25), (0.22, 1.0), (0.40, 1.0), (0.49, 0.32)])
WIDE_TROUSERS = mirrored([(0.25, 0.0), (0.18, 0.25), (0.02, 1.0), (0.40, 1.0), (0.49, 0.36)])
SLIM_DRESS = mirrored([(0.34, 0.0), (0.16, 0.03), (0.06, 0.16), (0.22, 0.20), (0.30, 0.40), (0.20, 0.62), (0.16, 1.0)])
STRAP_DRESS = mirrored([(0.36, 0.0), (0.30, 0.0), (0.28, 0.14), (0.22, 0.2), (0.30, 0.4), (0.14, 0.7), (0.08, 1.0)])
WIDE_DRESS = mirrored([(0.38, 0.0), (0.28, 0.02), (0.22, 0.10), (0.32, 0.22), (0.34, 0.4), (0.15, 0.75), (0.05, 1.0)])
SNEAKER = [
    (0.0, 0.15), (0.06, 0.02), (0.14, 0.10), (0.30, 0.0), (0.42, 0.15), (0.60, 0.42), (0.85, 0.55), (0.99, 0.72),
    (1.0, 0.95), (0.96, 1.0), (0.03, 1.0), (0.0, 0.85),
]  # fmt: skip
SOLE = [(0.0, 0.82), (1.0, 0.82), (1.0, 0.95), (0.96, 1.0), (0.03, 1.0), (0.0, 0.95)]
ANKLE_BOOT = [
    (0.12, 0.0), (0.58, 0.0), (0.56, 0.38), (0.66, 0.52), (0.90, 0.62), (1.0, 0.78), (1.0, 0.92), (0.40, 0.92),
    (0.36, 1.0), (0.06, 1.0), (0.05, 0.6), (0.10, 0.35),
]  # fmt: skip
HEELED_BOOT = [
    (0.10, 0.0), (0.50, 0.0), (0.50, 0.40), (0.70, 0.68), (0.95, 0.84), (1.0, 0.95), (0.98, 1.0), (0.70, 1.0),
    (0.42, 0.80), (0.22, 0.78), (0.20, 1.0), (0.08, 1.0), (0.03, 0.6), (0.09, 0.3),
]  # fmt: skip
FLAT_SANDAL = [(0.0, 0.78), (0.5, 0.82), (1.0, 0.80), (1.0, 0.95), (0.5, 1.0), (0.0, 0.95)]
HEEL_SANDAL = [
    (0.02, 0.35), (0.12, 0.32), (0.45, 0.75), (0.70, 0.90), (1.0, 0.92), (1.0, 1.0), (0.65, 1.0), (0.35, 0.80),
    (0.14, 0.52), (0.10, 1.0), (0.05, 1.0),
]  # fmt: skip
WEDGE_SANDAL = [(0.0, 0.50), (0.35, 0.68), (0.65, 0.84), (1.0, 0.86), (1.0, 1.0), (0.0, 1.0)]
HANDLE = mirrored([(0.26, 0.42), (0.28, 0.14), (0.38, 0.0)])
HANDLE_HOLE = (mirrored([(0.32, 0.42), (0.34, 0.18), (0.42, 0.07)]), HOLE)
BUTTON_LINE = ([(0.49, 0.08), (0.51, 0.08), (0.51, 1.0), (0.49, 1.0)], 0.6)
COLLAR = ([(0.38, 0.0), (0.62, 0.0), (0.68, 0.07), (0.5, 0.13), (0.32, 0.07)], 0.75)
POCKETS = both_sides([(0.28, 0.62), (0.44, 0.62), (0.44, 0.80), (0.28, 0.80)], 0.8)
CUFFS = both_sides([(0.0, 0.86), (0.15, 0.89), (0.13, 0.96), (0.0, 0.93)], 0.75)
HEM = ([(0.23, 0.92), (0.77, 0.92), (0.77, 1.0), (0.23, 1.0)], 0.8)

# ruff: noqa: E501 - one garment a line is easier to compare than wrapped lists
GARMENTS = [
    Garment("T-shirt/top", 1.0, [(SHORT_SLEEVES, 1.0), NECK]),
    Garment("T-shirt/top", 1.0, [(WIDE_SHORT_SLEEVES, 1.0), NECK, ([(0.35, 0.4), (0.65, 0.4), (0.65, 0.6), (0.35, 0.6)], 0.6)]),
    Garment("T-shirt/top", 0.65, [(TANK_TOP, 1.0), ([(0.30, 0.0), (0.70, 0.0), (0.62, 0.18), (0.38, 0.18)], HOLE)]),
    Garment("Trouser", 0.5, [(TROUSERS, 1.0), ([(0.22, 0.0), (0.78, 0.0), (0.78, 0.05), (0.22, 0.05)], 0.75)]),
    Garment("Trouser", 0.5, [(SLIM_TROUSERS, 1.0)]),
    Garment("Trouser", 0.55, [(WIDE_TROUSERS, 1.0)]),
    Garment("Pullover", 0.95, [(LONG_SLEEVES, 1.0), NECK, *SLEEVE_GAPS, *CUFFS, HEM]),
    Garment("Pullover", 1.0, [(LONG_SLEEVES, 1.0), NECK, *SLEEVE_GAPS, ([(0.24, 0.4), (0.76, 0.4), (0.76, 0.55), (0.24, 0.55)], 0.6)]),
    Garment("Pullover", 0.9, [(STRAIGHT_SLEEVES, 1.0), NECK, *SLEEVE_GAPS, HEM]),
    Garment("Dress", 0.5, [(SLIM_DRESS, 1.0), NECK]),
    Garment("Dress", 0.55, [(STRAP_DRESS, 1.0), ([(0.36, 0.0), (0.64, 0.0), (0.60, 0.14), (0.40, 0.14)], HOLE)]),
    Garment("Dress", 0.6, [(WIDE_DRESS, 1.0), NECK, ([(0.33, 0.36), (0.67, 0.36), (0.67, 0.41), (0.33, 0.41)], 0.6)]),
    Garment("Coat", 0.8, [(STRAIGHT_SLEEVES, 1.0), *SLEEVE_GAPS, BUTTON_LINE, COLLAR, *POCKETS]),
    Garment("Coat", 0.75, [(LONG_SLEEVES, 1.0), *SLEEVE_GAPS, BUTTON_LINE, COLLAR, *POCKETS, *CUFFS]),
    Garment("Coat", 0.85, [(STRAIGHT_SLEEVES, 1.0), *SLEEVE_GAPS, BUTTON_LINE, COLLAR]),
    Garment("Sandal", 2.2, [(FLAT_SANDAL, 1.0), (line(0.55, 0.80, 0.80, 0.35, 0.06), 0.9), (line(0.80, 0.35, 0.95, 0.80, 0.06), 0.9), (line(0.08, 0.80, 0.20, 0.20, 0.06), 0.9), (line(0.20, 0.20, 0.40, 0.80, 0.06), 0.9)]),
    Garment("Sandal", 1.2, [(HEEL_SANDAL, 1.0), (line(0.62, 0.90, 0.78, 0.66, 0.05), 0.9), (line(0.78, 0.66, 0.92, 0.92, 0.05), 0.9), (line(0.06, 0.34, 0.14, 0.05, 0.04), 0.9), (line(0.14, 0.05, 0.30, 0.20, 0.04), 0.9)]),
    Garment("Sandal", 1.7, [(WEDGE_SANDAL, 1.0), (line(0.60, 0.80, 0.76, 0.48, 0.08), 0.8), (line(0.76, 0.48, 0.93, 0.84, 0.08), 0.8), (line(0.03, 0.50, 0.10, 0.05, 0.05), 0.8), (line(0.10, 0.05, 0.36, 0.60, 0.05), 0.8)]),
    Garment("Shirt", 0.8, [(LONG_SLEEVES, 1.0), *SLEEVE_GAPS, BUTTON_LINE, COLLAR]),
    Garment("Shirt", 0.9, [(WIDE_SHORT_SLEEVES, 1.0), BUTTON_LINE, COLLAR, *[([(0.22, y), (0.78, y), (0.78, y + 0.02), (0.22, y + 0.02)], 0.7) for y in (0.3, 0.45, 0.6, 0.75, 0.9)]]),
    Garment("Shirt", 0.8, [(STRAIGHT_SLEEVES, 1.0), *SLEEVE_GAPS, BUTTON_LINE, COLLAR, *[([(x, 0.15), (x + 0.02, 0.15), (x + 0.02, 1.0), (x, 1.0)], 0.75) for x in (0.28, 0.36, 0.42, 0.56, 0.63, 0.70)]]),
    Garment("Sneaker", 2.4, [(SNEAKER, 1.0), (SOLE, 0.6)]),
    Garment("Sneaker", 2.3, [(SNEAKER, 1.0), (SOLE, 0.7), ([(0.35, 0.75), (0.50, 0.40), (0.56, 0.46), (0.42, 0.75)], 0.6)]),
    Garment("Sneaker", 2.6, [(SNEAKER, 1.0), (SOLE, 1.3), (line(0.42, 0.30, 0.34, 0.42, 0.03), 0.5), (line(0.48, 0.38, 0.40, 0.50, 0.03), 0.5)]),
    Garment("Bag", 1.1, [(HANDLE, 0.8), HANDLE_HOLE, (mirrored([(0.08, 0.40), (0.0, 1.0)]), 1.0)]),
    Garment("Bag", 1.3, [(mirrored([(0.0, 0.0), (0.0, 1.0)]), 1.0), ([(0.0, 0.0), (1.0, 0.0), (0.9, 0.5), (0.1, 0.5)], 0.75), ([(0.45, 0.44), (0.55, 0.44), (0.55, 0.56), (0.45, 0.56)], 0.4)]),
    Garment("Bag", 1.0, [(HANDLE, 0.9), HANDLE_HOLE, (mirrored([(0.0, 0.40), (0.04, 1.0)]), 1.0), ([(0.0, 0.40), (1.0, 0.40), (0.98, 0.5), (0.02, 0.5)], 0.7)]),
    Garment("Ankle boot", 1.0, [(ANKLE_BOOT, 1.0), ([(0.05, 0.88), (1.0, 0.86), (1.0, 0.92), (0.05, 0.94)], 0.6)]),
    Garment("Ankle boot", 0.9, [(HEELED_BOOT, 1.0)]),
    Garment("Ankle boot", 1.1, [(ANKLE_BOOT, 1.0), (line(0.20, 0.02, 0.20, 0.5, 0.03), 0.7), ([(0.05, 0.86), (1.0, 0.86), (1.0, 0.92), (0.05, 0.94)], 1.3)]),
]  # fmt: skip


def draw_garments() -> Iterator[tuple[str, str, bytes]]:
    """(name, label, JPEG or PNG bytes) for each; the ground and the size turn with every picture."""
    for index, garment in enumerate(GARMENTS):
        turn = (index // 3 + index) % 3
        ground = GROUNDS[turn]
        colour = COLOURS[turn][index % 5]
        picture = draw(garment, ground, colour, SIZES[(index + index // 3) % 3])
        stream = io.BytesIO()
        if index % 2:
            picture.save(stream, "PNG")
        else:
            picture.save(stream, "JPEG", quality=88)
        yield f"{index:02d} {garment.label} on {ground}", garment.label, stream.getvalue()


def draw(garment: Garment, ground: Colour, colour: Colour, size: tuple[int, int]) -> Image.Image:
    """The garment over 0.7 of the picture, off the centre, softly lit from one side."""
    picture = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(picture)
    height = min(0.7 * size[1], 0.7 * size[0] / garment.aspect)
    width = height * garment.aspect
    left, top = 0.4 * (size[0] - width), 0.6 * (size[1] - height)
    for points, shade in garment.parts:
        fill = ground if shade == HOLE else shaded(colour, shade)
        pen.polygon([(left + x * width, top + y * height) for x, y in points], fill=fill)
    return picture.filter(ImageFilter.GaussianBlur(min(size) / 400))


def shaded(colour: Colour, shade: float) -> Colour:
    red, green, blue = (min(255, round(value * shade)) for value in colour)
    return red, green, blue
