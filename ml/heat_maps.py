"""From a coarse map of what mattered to a picture people can read: put back where it belongs, and coloured."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from ml.data_types import Floats
from ml.preprocessing import Preprocessing
from ml.silhouettes import distance_from_ground, find_box, has_dark_ground

LONGEST_SIDE: Final = 512
WORKING_SIDE: Final = 512
STRONGEST: Final = 0.75
"""How much of the picture the hottest place covers."""
# Dark violet, red, orange, pale yellow: brighter is hotter, so that it also reads without colours.
_RAMP: Final = np.array([(40, 11, 84), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164)])

Box = tuple[float, float, float, float]


def find_frame(picture: Image.Image, preprocessing: Preprocessing) -> Box:
    """Which part of a picture (mode L or RGB) the network's input shows: left, top, right, bottom in its pixels.

    It may reach over the edges, as a trimmed shape is centred on black.
    """
    whole = (0.0, 0.0, float(picture.width), float(picture.height))
    size = (preprocessing.width, preprocessing.height)
    if preprocessing.name != "grey_bright_on_dark" or is_untouched(picture, size):
        return whole
    shown = picture
    if max(shown.size) > WORKING_SIDE:
        shown = picture.copy()
        shown.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    box = find_box(distance_from_ground(np.array(shown.convert("RGB"), dtype=np.uint8)))
    if box is None:
        return whole
    across, down = picture.width / shown.width, picture.height / shown.height
    return around(box, size, across, down)


def is_untouched(picture: Image.Image, size: tuple[int, int]) -> bool:
    return picture.mode == "L" and picture.size == size and has_dark_ground(np.array(picture, dtype=np.uint8))


def around(box: tuple[int, int, int, int], size: tuple[int, int], across: float, down: float) -> Box:
    """The frame of `size` that the box was fitted into, and centred, as `silhouettes.fit` and `centre` do it."""
    left, top, right, bottom = box
    scale = min(size[0] / (right - left), size[1] / (bottom - top))
    wide, high = size[0] / scale, size[1] / scale
    first_column, first_row = left - (wide - (right - left)) / 2, top - (high - (bottom - top)) / 2
    return first_column * across, first_row * down, (first_column + wide) * across, (first_row + high) * down


def spread_heat(heat: Floats, frame: Box, size: tuple[int, int], shown: tuple[int, int]) -> Floats:
    """A map (rows, columns) of 0..1 over `frame` of a picture of `size` → one of all of it, as large as `shown`.

    Sizes are (width, height). Smooth between the places; 0 outside the frame.
    """
    left, top, right, bottom = frame
    across, down = size[0] / shown[0], size[1] / shown[1]
    columns = ((np.arange(shown[0]) + 0.5) * across - left) / (right - left)
    rows = ((np.arange(shown[1]) + 0.5) * down - top) / (bottom - top)
    inside = ((rows >= 0) & (rows <= 1))[:, None] & ((columns >= 0) & (columns <= 1))[None, :]
    spread = blend_places(blend_places(heat, rows).T, columns).T
    return np.where(inside, spread, 0.0).astype(np.float32)


def blend_places(heat: Floats, wanted: Floats) -> Floats:
    """Linear between the centres of the rows of `heat`, at the places 0..1 in `wanted`: (rows, n) → (wanted, n)."""
    count = len(heat)
    places = np.clip(wanted * count - 0.5, 0, count - 1)
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, count - 1)
    share = (places - before)[:, None]
    blended: Floats = heat[before] * (1 - share) + heat[after] * share
    return blended


def draw_overlay(picture: Image.Image, heat: Floats, frame: Box) -> bytes:
    """The picture (mode L or RGB) at its own size, at most 512 pixels a side, with the heat over it: a PNG."""
    shown = picture.convert("RGB")
    if max(shown.size) > LONGEST_SIDE:
        shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    spread = spread_heat(heat, frame, picture.size, shown.size)
    share = STRONGEST * spread[..., None]
    pixels = np.asarray(shown, dtype=np.float32)
    mixed = pixels * (1 - share) + colour(spread) * share
    out = io.BytesIO()
    Image.fromarray(np.clip(mixed + 0.5, 0, 255).astype(np.uint8)).save(out, format="PNG")
    return out.getvalue()


def colour(heat: Floats) -> Floats:
    """0..1 (h, w) → red, green and blue of 0..255 (h, w, 3)."""
    places = np.linspace(0, 1, len(_RAMP))
    channels = [np.interp(heat, places, _RAMP[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def as_heat(values: Floats) -> Floats:
    """What speaks for the answer, the strongest place 1; all 0 where nothing does."""
    positive = np.maximum(values, 0)
    peak = float(positive.max(initial=0))
    return (positive / peak if peak > 0 else positive).astype(np.float32)


def average_views(plain: Floats, mirrored: Floats) -> Floats:
    """Maps (rows, columns) of a picture and of its mirror image, the second turned back."""
    return (plain + mirrored[:, ::-1]) / 2
