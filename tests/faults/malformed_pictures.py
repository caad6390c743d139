"""Ten thousand malformed pictures from sixty sound ones: bits flipped, cut anywhere, pieces reordered, sizes forged."""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import cycle, islice

from PIL import Image

from tests.classifier.picture_files import (
    exif_block,
    jpeg_segment,
    jpeg_with,
    png_chunk,
    png_with,
    save,
    smooth_rgb,
    speckled,
)
from tests.classifier.test_image_gate_corpus import SIDES, forge_size

CUTS = 50
FLIPPED, REORDERED, FORGED = 70, 24, 24
EACH = CUTS + FLIPPED + REORDERED + FORGED
LOWEST_RATE, HIGHEST_RATE = 0.0005, 0.1  # of all bits
KEPT_HEAD = 16
SMALL, MIDDLE, LARGE = (33, 21), (160, 120), (1200, 900)  # the last is decoded in a child
EXIF = exif_block(6, b"camera and place")


def make_seeds() -> list[bytes]:
    """Sixty: three formats, every mode, plain, animated, turned, progressive, with restarts; two sizes each."""
    return [*_pngs(), *_jpegs(), *_webps()]


def make_malformed(chance: random.Random) -> Iterator[bytes]:
    """`EACH` of every seed."""
    for data in make_seeds():
        yield from (data[: len(data) * cut // CUTS] for cut in range(CUTS))
        yield from (flip_bits(data, chance) for _ in range(FLIPPED))
        yield from (reorder(data, chance) for _ in range(REORDERED))
        yield from (forge(data, chance) for forge in islice(cycle((forge_size, forge_length)), FORGED))


def _photo(size: tuple[int, int]) -> Image.Image:
    return smooth_rgb(60, 44).resize(size, Image.Resampling.BICUBIC)


def _pngs() -> Iterator[bytes]:
    for size in (SMALL, MIDDLE):
        photo = _photo(size)
        for mode in ("L", "LA", "RGB", "RGBA"):
            yield save(speckled(mode, *size), "PNG")
        yield save(photo.quantize(40), "PNG")
        yield save(photo.quantize(40), "PNG", transparency=bytes(range(40)))
        yield save(photo.convert("1"), "PNG")
        yield save(Image.new("I;16", size, 40_000), "PNG")
        yield save(photo, "PNG", save_all=True, append_images=[speckled("RGB", *size), photo])
        yield png_with(save(photo, "PNG"), png_chunk(b"eXIf", EXIF), png_chunk(b"tEXt", b"Comment\x00words"))
        yield save(_photo(LARGE) if size == MIDDLE else photo, "PNG")


def _jpegs() -> Iterator[bytes]:
    for size in (SMALL, MIDDLE):
        for mode in ("L", "RGB", "CMYK"):
            photo = _photo(LARGE if (mode, size) == ("RGB", MIDDLE) else size).convert(mode)
            yield save(photo, "JPEG")
            yield save(photo, "JPEG", progressive=True)
            yield save(photo, "JPEG", restart_marker_blocks=2, optimize=True)
        yield jpeg_with(save(_photo(size), "JPEG"), jpeg_segment(0xE1, b"Exif\x00\x00" + EXIF))


def _webps() -> Iterator[bytes]:
    for size in (SMALL, MIDDLE):
        photo, clear = _photo(size), speckled("RGBA", *size)
        yield save(_photo(LARGE) if size == MIDDLE else photo, "WEBP")
        yield save(photo, "WEBP", quality=5, method=6)
        yield save(photo.convert("L"), "WEBP")
        yield save(photo, "WEBP", lossless=True)
        yield save(clear, "WEBP")
        yield save(clear, "WEBP", lossless=True, exact=True)
        yield save(clear, "WEBP", exif=b"Exif\x00\x00" + EXIF, icc_profile=b"a profile")
        yield save(photo, "WEBP", save_all=True, append_images=[speckled("RGB", *size), photo])
        yield save(clear, "WEBP", lossless=True, save_all=True, append_images=[speckled("RGBA", *size)])


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    """Every bit with the same small probability; half of the files keep their head, half of those their checksums."""
    rate = math.exp(chance.uniform(math.log(LOWEST_RATE), math.log(HIGHEST_RATE)))
    changed = bytearray(data)
    is_kept = chance.random() < 0.5
    position = 8 * KEPT_HEAD if is_kept else 0
    while True:
        position += int(math.log(1 - chance.random()) / math.log(1 - rate))
        if position >= 8 * len(changed):
            break
        changed[position // 8] ^= 1 << position % 8
        position += 1
    return mend_checksums(bytes(changed)) if is_kept and chance.random() < 0.5 else bytes(changed)


def mend_checksums(data: bytes) -> bytes:
    """What flipped bits cannot reach otherwise: sound PNG chunks around what is not."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    return data[:8] + b"".join(
        piece[:-4] + struct.pack(">I", zlib.crc32(piece[4:-4])) if len(piece) >= 12 else piece
        for piece in split_png(data)
    )


def split_png(data: bytes) -> list[bytes]:
    """The chunks behind the signature."""
    return _split(data, 8, lambda at: 12 + int.from_bytes(data[at : at + 4], "big"))


def split_jpeg(data: bytes) -> list[bytes]:
    """The segments behind the first marker; pixels belong to the segment before them."""
    pieces: list[bytes] = []
    start = 2
    while (end := data.find(b"\xff", start + 2)) > 0:
        while end > 0 and data[end + 1 : end + 2] in {b"\x00", b"\xff", b""}:
            end = data.find(b"\xff", end + 1)
        if end < 0:
            break
        pieces.append(data[start:end])
        start = end
    return [*pieces, data[start:]]


def split_webp(data: bytes) -> list[bytes]:
    """The chunks behind the head."""

    def size_at(at: int) -> int:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        return 8 + size + size % 2

    return _split(data, 12, size_at)


def _split(data: bytes, start: int, size_at: Callable[[int], int]) -> list[bytes]:
    pieces = []
    while start < len(data):
        pieces.append(data[start : start + size_at(start)])
        start += size_at(start)
    return pieces


def _take_apart(data: bytes) -> tuple[bytes, list[bytes]]:
    if data.startswith(b"\x89PNG"):
        return data[:8], split_png(data)
    if data.startswith(b"\xff\xd8"):
        return data[:2], split_jpeg(data)
    return data[:12], split_webp(data)


def reorder(data: bytes, chance: random.Random) -> bytes:
    """Chunks or segments, each sound in itself: exchanged, left out, repeated, or all shuffled."""
    head, pieces = _take_apart(data)
    first, second = chance.randrange(len(pieces)), chance.randrange(len(pieces))
    kind = chance.randrange(4)
    if kind == 0:
        pieces[first], pieces[second] = pieces[second], pieces[first]
    elif kind == 1:
        del pieces[first]
    elif kind == 2:
        pieces[second:second] = [pieces[first]] * chance.choice([1, 2, 40])
    else:
        chance.shuffle(pieces)
    return head + b"".join(pieces)


def forge_length(data: bytes, chance: random.Random) -> bytes:
    """One chunk or segment that says it is as long as it is not."""
    head, pieces = _take_apart(data)
    place, length = chance.randrange(len(pieces)), chance.choice(SIDES)
    piece = pieces[place]
    if data.startswith(b"\x89PNG"):
        piece = struct.pack(">I", length) + piece[4:]
    elif data.startswith(b"\xff\xd8"):
        piece = piece[:2] + struct.pack(">H", length & 0xFFFF) + piece[4:]
    else:
        piece = piece[:4] + struct.pack("<I", length) + piece[8:]
    return head + b"".join([*pieces[:place], piece, *pieces[place + 1 :]])
