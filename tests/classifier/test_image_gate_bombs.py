"""Small files that ask for much: each is refused within two seconds, or opened within the child's memory."""

import functools
import resource
import struct
import time
from collections.abc import Callable

import pytest
from PIL import Image

from classifier.errors import Refused
from classifier.image_gate import admit_picture
from tests.classifier.decode_children import find_decode_children, read_peak_memory_bytes
from tests.classifier.picture_files import (
    GREY,
    RGB,
    RGBA,
    flat_png,
    jpeg_segment,
    jpeg_with,
    jpeg_with_scans,
    jpeg_with_size,
    pack_zeros,
    png_chunk,
    png_head,
    png_with,
    save,
    smooth_rgb,
    webp,
    webp_chunk,
    webp_extended,
)

PNG = save(Image.new("RGB", (30, 20), "red"), "PNG")
JPEG = save(smooth_rgb(120, 100), "JPEG")
PROGRESSIVE = save(smooth_rgb(120, 100), "JPEG", progressive=True)
WEBP = save(Image.new("RGB", (30, 20), "red"), "WEBP", lossless=True)
MEGABYTE = 1 << 20


def animated_webp(frames: int) -> bytes:
    head = bytes(6) + (29).to_bytes(3, "little") + (19).to_bytes(3, "little") + bytes((9, 0, 0, 0))
    frame = webp_chunk(b"ANMF", head + WEBP[12:])
    return webp_extended(30, 20, webp_chunk(b"ANIM", bytes(6)), *[frame] * frames, flags=0x02)


def animated_png(frames: int, declared: int) -> bytes:
    control = struct.pack(">IIIIIHHBB", 0, 30, 20, 0, 0, 1, 10, 0, 0)
    return png_with(PNG, png_chunk(b"acTL", struct.pack(">II", declared, 0)), *[png_chunk(b"fcTL", control)] * frames)


def unending_pixels() -> bytes:
    """A 1 x 1 picture whose pixel stream unfolds to 200 MB."""
    return png_head(1, 1, 8, GREY) + png_chunk(b"IDAT", pack_zeros(200 * MEGABYTE)) + png_chunk(b"IEND", b"")


REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "png of 19,000 squared": ("too_many_pixels", lambda: flat_png(19_000, 19_000, 1)),
    "png of 40 million pixels and a row": ("too_many_pixels", lambda: flat_png(8_000, 5_001, 1)),
    "png of 65,535 squared": ("too_many_pixels", lambda: png_head(65_535, 65_535) + PNG[33:]),
    "png of the largest sides there are": ("too_many_pixels", lambda: png_head(2**31 - 1, 2**31 - 1) + PNG[33:]),
    "png of 1 x 10 million": ("too_many_pixels", lambda: flat_png(1, 10_000_000, 1)),
    "png of 10 million x 1": ("too_many_pixels", lambda: flat_png(10_000_000, 1, 1)),
    "jpeg of 65,535 squared": ("too_many_pixels", lambda: jpeg_with_size(JPEG, 65_535, 65_535)),
    "jpeg of few bytes and huge sides": (
        "too_many_pixels",
        lambda: jpeg_with_size(save(Image.new("L", (1, 1)), "JPEG", optimize=True), 65_000, 65_000),
    ),
    "webp of 16,384 squared": ("too_many_pixels", lambda: webp_extended(16_384, 16_384, WEBP[12:])),
    "jpeg of 1,000 scans": ("too_complex", lambda: jpeg_with_scans(PROGRESSIVE, 1_000)),
    "jpeg of 101 scans": ("too_complex", lambda: jpeg_with_scans(PROGRESSIVE, 101)),
    "jpeg of a million comments": ("too_complex", lambda: jpeg_with(JPEG, jpeg_segment(0xFE, b"") * 1_000_000)),
    "png text that unfolds to 50 MB": (
        "too_complex",
        lambda: png_with(PNG, png_chunk(b"zTXt", b"a\x00\x00" + pack_zeros(50 * MEGABYTE))),
    ),
    "png international text that unfolds to 50 MB": (
        "too_complex",
        lambda: png_with(PNG, png_chunk(b"iTXt", b"a\x00\x01\x00\x00\x00" + pack_zeros(50 * MEGABYTE))),
    ),
    "png profile that unfolds to 50 MB": (
        "too_complex",
        lambda: png_with(PNG, png_chunk(b"iCCP", b"a\x00\x00" + pack_zeros(50 * MEGABYTE))),
    ),
    "png of many texts that together unfold to 50 MB": (
        "too_complex",
        lambda: png_with(PNG, *[png_chunk(b"zTXt", b"a\x00\x00" + pack_zeros(MEGABYTE))] * 50),
    ),
    "png of 700,000 texts": ("too_complex", lambda: png_with(PNG, png_chunk(b"tEXt", b"a\x00") * 700_000)),
    "png of 700,000 pixel chunks": ("too_complex", lambda: png_with(PNG, png_chunk(b"IDAT", b"") * 700_000)),
    "png of 10,000 frames": ("too_complex", lambda: animated_png(10_000, 10_000)),
    "png that announces 10,000 frames": ("too_complex", lambda: animated_png(1, 10_000)),
    "png that hides 10,000 frames": ("too_complex", lambda: animated_png(10_000, 1)),
    "png of 101 frames": ("too_complex", lambda: animated_png(101, 101)),
    "webp of 10,000 frames": ("too_complex", lambda: animated_webp(10_000)),
    "webp of 101 frames": ("too_complex", lambda: animated_webp(101)),
    "webp of 100,000 chunks": ("too_complex", lambda: webp_extended(30, 20, webp_chunk(b"junk", b"") * 100_000)),
    "webp that hides a picture larger than its canvas": (
        "truncated_or_damaged",
        lambda: webp_extended(1, 1, save(Image.new("RGB", (4_000, 4_000)), "WEBP", lossless=True)[12:]),
    ),
    "jpeg of 40 million pixels and no data": ("truncated_or_damaged", lambda: jpeg_with_size(JPEG, 8_000, 5_000)),
    "png of 40 million pixels and no data": (
        "truncated_or_damaged",
        lambda: png_head(8_000, 5_000, 16, RGBA) + PNG[33:],
    ),
    "webp of 16 million pixels and no data": (
        "truncated_or_damaged",
        lambda: webp(webp_chunk(b"VP8L", b"\x2f" + (3_999 | 3_999 << 14).to_bytes(4, "little") + bytes(40))),
    ),
}


@functools.cache
def build_bomb(name: str) -> bytes:
    return REFUSED[name][1]()


@pytest.mark.parametrize("name", REFUSED)
def test_a_bomb_is_refused_within_two_seconds(name: str) -> None:
    data = build_bomb(name)
    started = time.perf_counter()
    with pytest.raises(Refused) as caught:
        admit_picture(data)
    assert time.perf_counter() - started <= 2
    assert caught.value.code == REFUSED[name][0]
    assert caught.value.status < 500


def test_bombs_leave_this_process_small_and_the_children_within_512_megabytes() -> None:
    bombs = [build_bomb(name) for name in REFUSED]
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in bombs:
        with pytest.raises(Refused):
            admit_picture(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_before <= 40 * 1024
    for child in find_decode_children():
        assert read_peak_memory_bytes(child) <= 512 * MEGABYTE


@pytest.mark.parametrize(("depth", "colour"), [(8, GREY), (8, RGB)], ids=["grey", "colour"])
def test_a_picture_of_exactly_40_million_pixels_is_opened(depth: int, colour: int) -> None:
    picture = admit_picture(flat_png(8_000, 5_000, depth, colour))
    assert (picture.width, picture.height, picture.notes) == (2048, 1280, ("resized",))
    assert (picture.original_width, picture.original_height) == (8_000, 5_000)


def test_pixels_behind_the_last_row_are_never_unfolded() -> None:
    data = unending_pixels()
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        assert admit_picture(data).width == 1
        seconds.append(time.perf_counter() - started)
    assert min(seconds) <= 0.05


def test_a_hundred_scans_and_a_hundred_frames_are_still_allowed() -> None:
    own = PROGRESSIVE.count(b"\xff\xda")
    admit_picture(jpeg_with_scans(PROGRESSIVE, 100 - own))
    assert admit_picture(animated_webp(100)).notes == ("first_frame_used",)
    assert admit_picture(animated_png(100, 100)).notes == ("first_frame_used",)


def test_scans_of_a_picture_hidden_behind_the_end_do_not_count() -> None:
    assert admit_picture(JPEG + jpeg_with_scans(PROGRESSIVE, 500)).data == admit_picture(JPEG).data
