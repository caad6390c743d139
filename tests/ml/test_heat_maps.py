"""A coarse map laid over the picture: in the right place, at the right size, also where the shape was trimmed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ml.heat_maps import as_heat, average_views, draw_overlay, find_frame, spread_heat
from ml.images import prepare_picture
from ml.preprocessing import Preprocessing

COLOUR = Preprocessing("scale_0_1", 32, 32, 3)
SILHOUETTE = Preprocessing("grey_bright_on_dark", 28, 28, 1)


def test_a_colour_picture_is_seen_whole() -> None:
    assert find_frame(Image.new("RGB", (300, 200)), COLOUR) == (0, 0, 300, 200)


def test_what_passes_untouched_is_seen_whole() -> None:
    assert find_frame(Image.new("L", (28, 28)), SILHOUETTE) == (0, 0, 28, 28)


def test_an_empty_picture_is_seen_whole() -> None:
    assert find_frame(Image.new("RGB", (90, 60), "white"), SILHOUETTE) == (0, 0, 90, 60)


@pytest.mark.parametrize("factor", [1, 4])
def test_a_trimmed_shape_is_found_where_it_was(factor: int) -> None:
    picture = Image.new("RGB", (200 * factor, 300 * factor), "white")
    picture.paste("black", (60 * factor, 50 * factor, 100 * factor, 250 * factor))
    left, top, right, bottom = (edge / factor for edge in find_frame(picture, SILHOUETTE))
    assert (top, bottom) == pytest.approx((50, 250), abs=3)
    assert (left, right) == pytest.approx((80 - 100, 80 + 100), abs=3)


def test_heat_on_a_silhouette_lies_on_the_photo() -> None:
    """A shoe's toe is lit in the frame; it must be lit at the same toe in the photo."""
    picture = Image.new("RGB", (240, 160), "white")
    picture.paste("black", (40, 60, 200, 100))
    pixels = prepare_picture(picture, SILHOUETTE)[..., 0]
    toe = np.zeros((28, 28), np.float32)
    toe[:, 20:] = pixels[:, 20:] > 0
    spread = spread_heat(toe, find_frame(picture, SILHOUETTE), picture.size, picture.size)
    rows, columns = np.nonzero(spread > 0.5)
    assert columns.min() == pytest.approx(40 + 160 * 20 / 28, abs=4)
    assert columns.max() == pytest.approx(199, abs=4)
    assert (rows.min(), rows.max()) == pytest.approx((60, 99), abs=6)


def test_heat_is_smooth_and_stays_in_its_frame() -> None:
    heat = np.array([[0, 1], [0, 1]], np.float32)
    spread = spread_heat(heat, (0, 0, 50, 100), (100, 100), (100, 100))
    assert spread[:, 50:].max() == 0
    assert np.all(np.diff(spread[10, :50]) >= 0)
    assert (spread[10, 0], spread[10, 49]) == (0, 1)


def test_without_heat_the_picture_stays_as_it_is() -> None:
    picture = Image.effect_noise((40, 30), 80).convert("RGB")
    made = Image.open(io.BytesIO(draw_overlay(picture, np.zeros((4, 4), np.float32), (0, 0, 40, 30))))
    assert np.array_equal(np.asarray(made), np.asarray(picture))


def test_the_hottest_place_is_bright_and_the_picture_shines_through() -> None:
    heat = np.zeros((2, 2), np.float32)
    heat[0, 0] = 1
    picture = Image.new("L", (64, 64), 0)
    made = np.asarray(Image.open(io.BytesIO(draw_overlay(picture, heat, (0, 0, 64, 64)))))
    assert made[0, 0].tolist() == pytest.approx([189, 191, 123], abs=1)
    assert made[63, 63].tolist() == [0, 0, 0]


def test_what_speaks_against_the_answer_is_no_heat() -> None:
    assert as_heat(np.array([[-3.0, 0.5], [2.0, 0.0]], np.float32)).tolist() == [[0, 0.25], [1, 0]]
    assert as_heat(np.full((2, 2), -1, np.float32)).max() == 0


def test_the_mirrored_view_is_turned_back() -> None:
    plain = np.array([[1.0, 0.0]], np.float32)
    assert average_views(plain, plain[:, ::-1]).tolist() == [[1.0, 0.0]]
