"""What becomes of a picture on its way to the network."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.datasets import read_idx
from ml.images import UnreadableImage, prepare_image, prepare_pixels
from ml.preprocessing import Preprocessing

GREY = Preprocessing("grey_bright_on_dark", 28, 28, 1)
COLOUR = Preprocessing("scale_minus1_1", 20, 10, 3)


def encode(picture: Image.Image, picture_format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, picture_format, **options)
    return stream.getvalue()


def photo_of_a_block(ground: tuple[int, int, int], block: tuple[int, int, int]) -> bytes:
    """A block of 100 x 50 in a picture of 300 x 400, off the centre."""
    picture = Image.new("RGB", (300, 400), ground)
    picture.paste(block, (30, 200, 130, 250))
    return encode(picture)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"])
def test_every_fashion_mnist_picture_passes_untouched(fashion_folder: Path, name: str) -> None:
    for pixels in read_idx(fashion_folder / name):
        np.testing.assert_array_equal(prepare_pixels(pixels[..., None], GREY)[..., 0], pixels)


def test_a_grey_png_of_input_size_on_black_passes_untouched() -> None:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[3:25, 9:18] = np.arange(9, dtype=np.uint8) * 20 + 7
    np.testing.assert_array_equal(prepare_image(encode(Image.fromarray(pixels)), GREY)[..., 0], pixels)


def test_a_grey_picture_of_input_size_on_white_is_negated() -> None:
    pixels = np.full((28, 28), 255, np.uint8)
    pixels[0:28, 9:18] = 20
    prepared = prepare_image(encode(Image.fromarray(pixels)), GREY)[..., 0]
    assert prepared[:, 10:17].min() > 200
    assert prepared[:, :8].max() == 0


@pytest.mark.parametrize(
    ("ground", "block"),
    [
        ((255, 255, 255), (20, 20, 20)),
        ((255, 255, 255), (250, 220, 90)),
        ((128, 128, 128), (200, 30, 30)),
        ((128, 128, 128), (240, 240, 240)),
        ((10, 10, 10), (230, 230, 230)),
        ((10, 10, 10), (90, 10, 10)),
    ],
)
def test_one_thing_on_a_plain_ground_becomes_bright_on_black_and_fills_the_frame(
    ground: tuple[int, int, int], block: tuple[int, int, int]
) -> None:
    prepared = prepare_image(photo_of_a_block(ground, block), GREY)[..., 0]
    assert prepared.shape == (28, 28)
    assert prepared[8:20].min() > 150
    assert prepared[:6].max() == 0
    assert prepared[22:].max() == 0


def test_noise_of_the_ground_and_a_dust_corn_do_not_count_as_shape() -> None:
    random = np.random.default_rng(0)
    pixels = np.clip(random.normal(245, 3, (400, 300, 3)), 0, 255).astype(np.uint8)
    pixels[200:250, 30:130] = 40
    pixels[20, 280] = 0
    prepared = prepare_image(encode(Image.fromarray(pixels), "JPEG", quality=80), GREY)[..., 0]
    assert prepared[8:20].min() > 150
    assert prepared[:6].max() == 0


def test_an_even_picture_gives_an_empty_one() -> None:
    assert prepare_image(encode(Image.new("RGB", (50, 40), (90, 120, 30))), GREY).max() == 0


def test_a_picture_of_one_pixel_is_no_trouble() -> None:
    assert prepare_image(encode(Image.new("L", (1, 1), 200)), GREY).shape == (28, 28, 1)


def test_exif_orientation_is_obeyed() -> None:
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste((0, 0, 0), (0, 0, 40, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the stored top is the right side
    prepared = prepare_image(encode(picture, "JPEG", exif=exif), Preprocessing("scale_0_1", 40, 20, 3))
    assert prepared[:, 15:].mean() < 40
    assert prepared[:, :5].mean() > 215


def test_colour_is_stretched_to_the_input_size() -> None:
    prepared = prepare_image(encode(Image.new("RGB", (64, 64), (10, 200, 30))), COLOUR)
    assert prepared.shape == (20, 10, 3)
    assert prepared.dtype == np.uint8
    assert prepared[5, 5].tolist() == [10, 200, 30]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_can_be_prepared(mode: str) -> None:
    picture = Image.new("RGB", (30, 30), "white").convert(mode) if mode != "I;16" else Image.new(mode, (30, 30), 65535)
    data = encode(picture, "JPEG" if mode == "CMYK" else "PNG")
    assert prepare_image(data, COLOUR).mean() > 250


def test_transparent_parts_lie_over_white() -> None:
    assert prepare_image(encode(Image.new("RGBA", (30, 30), (0, 0, 0, 0))), COLOUR).min() == 255


@pytest.mark.parametrize("data", [b"", b"GIF89a", encode(Image.new("RGB", (50, 50)))[:60]])
def test_bytes_that_are_no_whole_picture_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImage):
        prepare_image(data, COLOUR)


def test_the_plain_modules_load_no_tensorflow() -> None:
    modules = "data_types images silhouettes artifact datasets shards splits calibration evaluation starter"
    code = f"import importlib, sys\nfor name in {modules.split()!r}: importlib.import_module('ml.' + name)\n"
    code += "sys.exit(any(name.split('.')[0] in ('tensorflow', 'keras') for name in sys.modules))"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
