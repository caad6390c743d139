"""Golden pixels: every mode and every orientation against references computed here, pixel by pixel."""

import struct
import zlib

import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from classifier.image_facts import NormalisedPicture, PictureLimits
from classifier.image_headers import read_header
from classifier.image_normalising import compute_difference_hash, normalise
from tests.classifier.picture_files import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    exif_block,
    jpeg_segment,
    jpeg_with,
    png,
    png_chunk,
    png_with,
    read,
    save,
    smooth_rgb,
    speckled,
    tiled_rgb,
    webp_chunk,
    webp_extended,
)

W, H = 20, 12
LIMITS = PictureLimits()


def admit(data: bytes, limits: PictureLimits = LIMITS) -> NormalisedPicture:
    return normalise(read_header(data, limits), limits)


def over_white(level: int, alpha: int) -> int:
    return int((level * alpha + 255 * (255 - alpha)) / 255 + 0.5)


def rows_of(data: bytes, row_bytes: int) -> list[bytes]:
    return [data[n : n + row_bytes] for n in range(0, len(data), row_bytes)]


def assert_pixels(picture: NormalisedPicture, mode: str, expected: bytes, size: tuple[int, int] = (W, H)) -> None:
    stored = read(picture.data)
    assert (picture.format, stored.format) == ("PNG", "PNG")
    assert (stored.mode, stored.size, (picture.width, picture.height)) == (mode, size, size)
    assert stored.tobytes() == expected


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_grey_and_colour_stay_as_they_are(mode: str, file_format: str) -> None:
    image = speckled(mode, W, H)
    expected_mode = "RGB" if file_format == "WEBP" else mode  # WebP knows no grey
    options = {"lossless": True} if file_format == "WEBP" else {}
    assert_pixels(admit(save(image, file_format, **options)), expected_mode, image.convert(expected_mode).tobytes())


def test_grey_with_alpha_is_laid_over_white() -> None:
    image = speckled("LA", W, H)
    raw = image.tobytes()
    expected = bytes(over_white(raw[n], raw[n + 1]) for n in range(0, len(raw), 2))
    assert_pixels(admit(save(image, "PNG")), "L", expected)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_colour_with_alpha_is_laid_over_white(file_format: str) -> None:
    image = speckled("RGBA", W, H)
    raw = image.tobytes()
    expected = bytes(over_white(raw[n + band], raw[n + 3]) for n in range(0, len(raw), 4) for band in range(3))
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    assert_pixels(admit(save(image, file_format, **options)), "RGB", expected)


def test_a_palette_becomes_its_colours() -> None:
    palette = bytes((n * 37 + 5) % 256 for n in range(3 * 16))
    indexes = [(x * 3 + y) % 16 for y in range(H) for x in range(W)]
    data = png(W, H, 8, PALETTE, rows_of(bytes(indexes), W), png_chunk(b"PLTE", palette))
    assert_pixels(admit(data), "RGB", b"".join(palette[3 * n : 3 * n + 3] for n in indexes))


@pytest.mark.parametrize("alphas", [b"\x00\x40\x80\xff\x07", b"\xff\xff\x00\xff"], ids=["graded", "one clear entry"])
def test_a_palette_with_alpha_is_laid_over_white(alphas: bytes) -> None:
    palette = bytes((n * 37 + 5) % 256 for n in range(3 * 16))
    indexes = [(x * 3 + y) % 16 for y in range(H) for x in range(W)]
    extra = png_chunk(b"PLTE", palette) + png_chunk(b"tRNS", alphas)
    data = png(W, H, 8, PALETTE, rows_of(bytes(indexes), W), extra)
    full = alphas + b"\xff" * (16 - len(alphas))
    expected = bytes(over_white(palette[3 * n + band], full[n]) for n in indexes for band in range(3))
    assert_pixels(admit(data), "RGB", expected)


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("clear", [False, True], ids=["opaque", "one clear level"])
def test_few_bits_of_grey_are_spread_over_all(depth: int, clear: bool) -> None:
    top = 2**depth - 1
    levels = [(x * 5 + y * 3) % (top + 1) for y in range(H) for x in range(16)]
    packed = bytearray()
    per_byte = 8 // depth
    for n in range(0, len(levels), per_byte):
        byte = 0
        for level in levels[n : n + per_byte]:
            byte = byte << depth | level
        packed.append(byte)
    extra = png_chunk(b"tRNS", struct.pack(">H", 0)) if clear else b""
    expected = bytes(255 if clear and level == 0 else level * 255 // top for level in levels)
    assert_pixels(admit(png(16, H, depth, GREY, rows_of(bytes(packed), 16 // per_byte), extra)), "L", expected, (16, H))


@pytest.mark.parametrize("clear", [None, 0, 300, 0xFF00], ids=str)
def test_sixteen_bits_of_grey_keep_their_upper_eight(clear: int | None) -> None:
    levels = [(n * 271 + 300) % 65536 for n in range(W * H)]
    extra = b"" if clear is None else png_chunk(b"tRNS", struct.pack(">H", clear))
    raw = struct.pack(f">{W * H}H", *levels)
    expected = bytes(255 if level == clear else level >> 8 for level in levels)
    assert_pixels(admit(png(W, H, 16, GREY, rows_of(raw, 2 * W), extra)), "L", expected)


def test_sixteen_bits_of_grey_with_alpha_are_laid_over_white() -> None:
    raw = bytes((n * 73 + 11) % 256 for n in range(4 * W * H))
    expected = bytes(over_white(raw[n], raw[n + 2]) for n in range(0, len(raw), 4))
    assert_pixels(admit(png(W, H, 16, GREY_ALPHA, rows_of(raw, 4 * W))), "L", expected)


def test_sixteen_bits_of_colour_keep_their_upper_eight() -> None:
    raw = bytes((n * 73 + 11) % 256 for n in range(6 * W * H))
    assert_pixels(admit(png(W, H, 16, RGB, rows_of(raw, 6 * W))), "RGB", raw[::2])


def test_sixteen_bits_of_colour_with_alpha_are_laid_over_white() -> None:
    raw = bytes((n * 73 + 11) % 256 for n in range(8 * W * H))
    upper = raw[::2]
    expected = bytes(over_white(upper[n + band], upper[n + 3]) for n in range(0, len(upper), 4) for band in range(3))
    assert_pixels(admit(png(W, H, 16, RGBA, rows_of(raw, 8 * W))), "RGB", expected)


def test_one_clear_colour_becomes_white() -> None:
    raw = bytes(n // 3 * 53 % 256 // 32 * 32 for n in range(3 * W * H))
    clear = raw[30:33]
    data = png(W, H, 8, RGB, rows_of(raw, 3 * W), png_chunk(b"tRNS", struct.pack(">HHH", *clear)))
    pixels = rows_of(raw, 3)
    assert pixels.count(clear) > 1
    assert_pixels(admit(data), "RGB", b"".join(b"\xff\xff\xff" if pixel == clear else pixel for pixel in pixels))


def test_an_interlaced_png_is_read_in_full() -> None:
    """Adam7 is not written by Pillow: a 1 x 1 picture has one pass, a 2 x 1 picture two."""
    head = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, GREY, 0, 0, 1))
    data = head + png_chunk(b"IDAT", zlib.compress(b"\x00\x11\x00\x99")) + png_chunk(b"IEND", b"")
    assert_pixels(admit(data), "L", b"\x11\x99", (2, 1))


def test_a_cmyk_jpeg_as_adobe_writes_it_becomes_its_colours() -> None:
    ink = Image.new("CMYK", (32, 32), (51, 102, 0, 25))
    data = save(ink, "JPEG", quality=100)
    assert b"Adobe" in data
    middle = read(admit(data).data).crop((16, 16, 17, 17)).tobytes()
    expected = [round((255 - part) * (255 - 25) / 255) for part in (51, 102, 0)]
    assert max(abs(got - want) for got, want in zip(middle, expected, strict=True)) <= 2


def test_a_grey_jpeg_stays_grey_and_is_kept_as_png() -> None:
    sent = save(smooth_rgb(120, 100).convert("L"), "JPEG", quality=90)
    assert_pixels(admit(sent), "L", read(sent).tobytes(), (120, 100))


STORED_AT = {
    1: lambda x, y, w, h: (x, y),
    2: lambda x, y, w, h: (w - 1 - x, y),
    3: lambda x, y, w, h: (w - 1 - x, h - 1 - y),
    4: lambda x, y, w, h: (x, h - 1 - y),
    5: lambda x, y, w, h: (y, x),
    6: lambda x, y, w, h: (y, h - 1 - x),
    7: lambda x, y, w, h: (w - 1 - y, h - 1 - x),
    8: lambda x, y, w, h: (w - 1 - y, x),
}
"""Where in the file the pixel lies that is seen at (x, y): EXIF 2.3, tag 0x0112, "0th row is the visual ... side"."""


def turn(raw: bytes, width: int, height: int, orientation: int) -> tuple[bytes, tuple[int, int]]:
    seen = (height, width) if orientation >= 5 else (width, height)
    turned = bytearray()
    for y in range(seen[1]):
        for x in range(seen[0]):
            column, row = STORED_AT[orientation](x, y, width, height)
            turned += raw[3 * (row * width + column) :][:3]
    return bytes(turned), seen


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_a_turned_picture_is_set_upright_exactly(file_format: str, orientation: int) -> None:
    image = speckled("RGB", W, H)
    exif = exif_block(orientation)
    if file_format == "PNG":
        data = png_with(save(image, "PNG"), png_chunk(b"eXIf", exif))
    else:
        data = webp_extended(W, H, save(image, "WEBP", lossless=True)[12:], webp_chunk(b"EXIF", exif), flags=0x08)
    expected, size = turn(image.tobytes(), W, H, orientation)
    assert_pixels(admit(data), "RGB", expected, size)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_set_upright(orientation: int) -> None:
    plain = save(tiled_rgb(8, 6), "JPEG", quality=95, subsampling=0)
    picture = admit(jpeg_with(plain, jpeg_segment(0xE1, b"Exif\x00\x00" + exif_block(orientation))))
    expected, size = turn(read(plain).tobytes(), 128, 96, orientation)
    stored = read(picture.data)
    assert (stored.format, stored.size, picture.format) == ("JPEG", size, "JPEG")
    assert max(abs(a - b) for a, b in zip(stored.tobytes(), expected, strict=True)) <= 2


def test_a_colour_picture_over_96_pixels_is_kept_as_a_full_colour_jpeg() -> None:
    image = tiled_rgb(7, 3)
    picture = admit(save(image, "PNG"))
    stored = read(picture.data)
    assert (picture.format, stored.format) == ("JPEG", "JPEG")
    assert isinstance(stored, JpegImageFile)
    assert [part[1:3] for part in stored.layer] == [(1, 1)] * 3  # 4:4:4
    assert max(abs(a - b) for a, b in zip(stored.tobytes(), image.tobytes(), strict=True)) <= 2


def test_a_colour_picture_of_96_pixels_is_kept_exactly() -> None:
    image = speckled("RGB", 96, 96)
    assert_pixels(admit(save(image, "PNG")), "RGB", image.tobytes(), (96, 96))


def test_a_large_picture_with_alpha_is_kept_as_png() -> None:
    assert admit(save(speckled("RGBA", 120, 100), "PNG")).format == "PNG"


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_over_the_stored_side_is_shrunk_and_keeps_its_proportions(file_format: str) -> None:
    limits = PictureLimits(stored_side=100)
    picture = admit(save(smooth_rgb(400, 300), file_format), limits)
    assert (picture.width, picture.height) == (100, 75)
    small = smooth_rgb(100, 75).tobytes()
    assert max(abs(a - b) for a, b in zip(read(picture.data).tobytes(), small, strict=True)) <= 4


def test_the_thinnest_picture_keeps_one_pixel() -> None:
    picture = admit(save(Image.new("L", (400, 1), 9), "PNG"), PictureLimits(stored_side=100))
    assert (picture.width, picture.height) == (100, 1)


def test_the_content_hash_depends_on_pixels_and_not_on_the_file() -> None:
    image = speckled("L", W, H)
    once = admit(save(image, "PNG", compress_level=9))
    other_file = admit(png_with(save(image, "PNG", compress_level=0), png_chunk(b"tEXt", b"a\x00b")))
    image.paste(image.point([(level + 1) % 256 for level in range(256)]).crop((3, 3, 4, 4)), (3, 3))
    assert once.content == other_file.content
    assert once.content != admit(save(image, "PNG")).content


def test_the_content_hash_tells_shapes_and_modes_apart() -> None:
    pictures = [Image.new("L", (6, 4), 7), Image.new("L", (4, 6), 7), Image.new("L", (8, 3), 7)]
    pictures.append(Image.frombytes("RGB", (2, 4), bytes([7] * 24)))
    assert len({admit(save(picture, "PNG")).content for picture in pictures}) == 4


def test_the_content_hash_survives_a_second_pass_through_the_gate() -> None:
    first = admit(save(speckled("RGBA", W, H), "PNG"))
    assert admit(first.data).content == first.content


def test_the_difference_hash_says_where_it_grows_brighter() -> None:
    falling = Image.frombytes("L", (34, 32), bytes(250 - 7 * x for _ in range(32) for x in range(34)))
    rising = Image.frombytes("L", (34, 32), bytes(7 * x for _ in range(32) for x in range(34)))
    upper_half = falling.copy()
    upper_half.paste(rising.crop((0, 0, 34, 16)), (0, 0))
    assert compute_difference_hash(falling) == bytes(32)
    assert compute_difference_hash(rising) == b"\xff" * 32
    assert compute_difference_hash(upper_half) == b"\xff" * 16 + bytes(16)


def test_the_difference_hash_hardly_changes_when_a_picture_is_saved_smaller() -> None:
    image = smooth_rgb(160, 120)
    image.paste((250, 250, 250), (40, 30, 90, 70))
    smaller = read(save(image.resize((100, 75)), "JPEG", quality=60))
    bits = int.from_bytes(compute_difference_hash(image), "big") ^ int.from_bytes(
        compute_difference_hash(smaller), "big"
    )
    assert bits.bit_count() <= 24
