"""From the bytes of a picture to the pixels a network takes: one code for training and for serving."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from ml.data_types import Pixels
from ml.errors import MlError
from ml.preprocessing import Preprocessing
from ml.silhouettes import bring_to_silhouette, has_dark_ground

FORMATS = ("JPEG", "PNG", "WEBP")
WORKING_SIDE = 512
# Mean and spread of ImageNet's red, green and blue, as the networks trained on it were given them: for VGG16 the mean
# alone, in Caffe's blue-green-red order; since then (pixel / 255 - mean) / spread.
IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET_SCALING = {
    "imagenet_bgr": ((1.0, 1.0, 1.0), (-123.68, -116.779, -103.939)),
    "imagenet_standard": (
        tuple(1 / 255 / spread for spread in IMAGENET_SPREAD),
        tuple(-mean / spread for mean, spread in zip(IMAGENET_MEAN, IMAGENET_SPREAD, strict=True)),
    ),
}


class UnreadableImage(MlError):  # noqa: N818 - it is named for the picture, as the refusals are
    """The bytes are no picture that can be decoded."""


def prepare_image(data: bytes, preprocessing: Preprocessing) -> Pixels:
    """Bytes → uint8 (height, width, channels) as `preprocessing` asks. Raises UnreadableImage."""
    picture = open_picture(data, longest_side=max(WORKING_SIDE, preprocessing.height, preprocessing.width))
    return prepare_picture(picture, preprocessing)


def prepare_pixels(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Raw uint8 pixels (height, width, 1 or 3) of a packed dataset → uint8 as `preprocessing` asks."""
    return prepare_picture(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels), preprocessing)


def prepare_picture(picture: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """A picture of mode L or RGB → uint8 (height, width, channels)."""
    if preprocessing.name == "grey_bright_on_dark":
        return grey_bright_on_dark(picture, preprocessing)
    return resize_colour(picture, preprocessing)


def open_picture(data: bytes, longest_side: int) -> Image.Image:
    """Decode, orient by EXIF and bring to mode L or RGB; JPEGs far above `longest_side` are decoded smaller."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.format == "JPEG":
                opened.draft(None, (longest_side, longest_side))
            picture = ImageOps.exif_transpose(opened)
            picture.load()
            return flatten_mode(picture)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as problem:
        raise UnreadableImage(f"The picture cannot be decoded: {problem}") from problem


def flatten_mode(picture: Image.Image) -> Image.Image:
    """Any mode → L or RGB: transparency goes over white, 16 bit is scaled to 8."""
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float64)
        scale = 255 / 65535 if values.max(initial=0) > 255 else 1.0
        return Image.fromarray(np.clip(values * scale + 0.5, 0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        over = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    if picture.mode in ("L", "1"):
        return picture.convert("L")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def resize_colour(picture: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """RGB, stretched to the input size (Lanczos with antialiasing). The network scales to -1..1 or 0..1 itself."""
    size = (preprocessing.width, preprocessing.height)
    colour = picture.convert("RGB")
    if colour.size != size:
        colour = colour.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.array(colour, dtype=np.uint8)


def grey_bright_on_dark(picture: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """A bright garment on black, as Fashion-MNIST was made (arXiv 1708.07747).

    A grey picture already of input size on a dark ground is what the model was trained on and passes untouched.
    """
    size = (preprocessing.width, preprocessing.height)
    if picture.mode == "L" and picture.size == size:
        pixels = np.array(picture, dtype=np.uint8)
        if has_dark_ground(pixels):
            return pixels[..., None]
    if max(picture.size) > WORKING_SIDE:
        picture = picture.copy()
        picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return bring_to_silhouette(np.array(picture.convert("RGB"), dtype=np.uint8), size)[..., None]


def input_scaling(preprocessing: Preprocessing) -> tuple[float, float] | tuple[list[float], list[float]]:
    """`(scale, offset)` that the network's first layer applies to uint8 pixels: for all channels or one for each."""
    if preprocessing.name in IMAGENET_SCALING:
        scales, offsets = IMAGENET_SCALING[preprocessing.name]
        return list(scales), list(offsets)
    if preprocessing.name == "scale_minus1_1":
        return 1 / 127.5, -1.0
    if preprocessing.name == "scale_0_1":
        return 1 / 255, 0.0
    # The black ground stays exactly 0, as the padding of a shift is; 90 is the spread of Fashion-MNIST's grey values.
    return 1 / 90, 0.0


def is_blue_first(preprocessing: Preprocessing) -> bool:
    """Whether the network turns the channels round after scaling them."""
    return preprocessing.name == "imagenet_bgr"
