"""Builds picture files for the gate's tests, chunk by chunk where Pillow would not write them."""

import io
import struct
import zlib
from collections.abc import Iterable

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def save(image: Image.Image, file_format: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, file_format, **options)
    return target.getvalue()


def read(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_head(width: int, height: int, depth: int = 8, colour: int = RGB) -> bytes:
    return PNG_SIGNATURE + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(width: int, height: int, depth: int, colour: int, rows: Iterable[bytes], extra: bytes = b"") -> bytes:
    """A PNG of packed rows; `extra` are whole chunks placed before the pixels."""
    pixels = zlib.compress(b"".join(b"\x00" + row for row in rows))
    return png_head(width, height, depth, colour) + extra + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def flat_png(width: int, height: int, depth: int = 8, colour: int = GREY) -> bytes:
    """A valid one-coloured PNG, packed piece by piece so that a huge one needs no memory to make."""
    channels = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}[colour]
    pixels = pack_zeros((1 + (width * channels * depth + 7) // 8) * height)
    return png_head(width, height, depth, colour) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def pack_zeros(size: int) -> bytes:
    """Zero bytes, compressed about 1,000 times."""
    packer = zlib.compressobj(6)
    piece = bytes(1 << 20)
    whole, rest = divmod(size, len(piece))
    return b"".join([*(packer.compress(piece) for _ in range(whole)), packer.compress(piece[:rest]), packer.flush()])


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """The same PNG with whole chunks put in after its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def exif_block(orientation: int, text: bytes = b"") -> bytes:
    """A TIFF block with an orientation, a camera name, and a GPS directory holding the text."""
    text += b"\x00" * (8 - len(text))
    entries = [
        struct.pack(">HHII", 0x010F, 2, len(text), 100),
        struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0),
        struct.pack(">HHII", 0x8825, 4, 1, 60),
    ]
    directory = struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4)
    gps = struct.pack(">H", 1) + struct.pack(">HHII", 0x001D, 2, len(text), 100) + bytes(4)
    return (b"MM\x00*" + struct.pack(">I", 8) + directory).ljust(60, b"\x00") + gps.ljust(40, b"\x00") + text


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(data: bytes, *segments: bytes) -> bytes:
    """The same JPEG with segments put in behind its first marker."""
    return data[:2] + b"".join(segments) + data[2:]


def jpeg_with_scans(data: bytes, scans: int) -> bytes:
    """The same JPEG with its last scan repeated until it has at least so many."""
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def jpeg_with_size(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG with a forged size in its frame header."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        position = data.find(marker)
        if position > 0:
            return data[: position + 5] + struct.pack(">HH", height, width) + data[position + 9 :]
    raise ValueError("this JPEG has no frame header")


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) & 1)


def webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_extended(width: int, height: int, *chunks: bytes, flags: int = 0) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(webp_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + size), *chunks)


def smooth_rgb(width: int, height: int) -> Image.Image:
    """A colour picture without edges, which JPEG keeps nearly as it is."""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            pixels += bytes((x * 60 // width + 90, y * 50 // height + 70, (x + y) * 40 // (width + height) + 80))
    return Image.frombytes("RGB", (width, height), bytes(pixels))


def tiled_rgb(columns: int, rows: int) -> Image.Image:
    """Tiles of 16 x 16 pixels, each of another colour, lying as JPEG's own blocks do: hardly anything is lost."""
    image = Image.new("RGB", (16 * columns, 16 * rows))
    for n in range(columns * rows):
        x, y = 16 * (n % columns), 16 * (n // columns)
        image.paste((40 + n * 37 % 170, 40 + n * 59 % 170, 40 + n * 83 % 170), (x, y, x + 16, y + 16))
    return image


def speckled(mode: str, width: int, height: int) -> Image.Image:
    """A picture in which hardly two neighbours are alike, the same at each call."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(
        mode, (width, height), bytes((n * 73 + n // 7 * 31 + 11) % 256 for n in range(width * height * channels))
    )
