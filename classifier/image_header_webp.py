"""Walks the chunks of a WebP file: size, frames, orientation, and what makes the first picture. Decodes nothing.

Format: RFC 9649.
"""

import struct
from collections.abc import Iterator

from classifier.errors import Refused
from classifier.image_facts import PictureHeader, PictureLimits, refuse_oversize
from classifier.image_orientation import read_orientation

_MAX_CHUNKS = 1_000
_HAS_ALPHA, _IS_ANIMATED = 0x10, 0x02
_CHUNK_HEAD = struct.Struct("<4sI")
_FRAME_HEAD_BYTES = 16
# The file's own head, that of its first chunk, and what says the size in it.
_HEADS_BYTES = 30


def is_webp(data: bytes) -> bool:
    """Whether the first twelve bytes say WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_webp_header(data: bytes, limits: PictureLimits) -> PictureHeader:
    """Read a file that begins as WebP does; raises Refused."""
    first = data[12:16]
    if len(data) < _HEADS_BYTES:
        raise Refused("truncated_or_damaged")
    if first not in (b"VP8 ", b"VP8L", b"VP8X"):
        raise Refused("type_mismatch")
    width, height = _read_size(first, data[20:30])
    refuse_oversize(width, height, limits)
    end = 8 + int.from_bytes(data[4:8], "little")
    if not _HEADS_BYTES <= end <= len(data):
        raise Refused("truncated_or_damaged")
    if first == b"VP8X":
        return _read_extended(memoryview(data)[12:end], width, height, limits)
    chunk = next(_walk_chunks(memoryview(data)[12:end]))[1]
    return PictureHeader(format="WEBP", width=width, height=height, pixel_data=_join((chunk,)))


def _read_size(kind: bytes, body: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _read_extended(chunks: memoryview, width: int, height: int, limits: PictureLimits) -> PictureHeader:
    head = bytes(chunks[:18])
    flags = head[8] & (_HAS_ALPHA | _IS_ANIMATED)
    kept: list[bytes | memoryview] = [head[:8] + bytes((flags,)) + head[9:]]
    frames, orientation = 0, 1
    for kind, chunk in _walk_chunks(chunks):
        if kind == b"ANMF":
            frames += 1
            if frames == 1:
                kept.append(_strip_frame(chunk))
        elif kind in (b"VP8 ", b"VP8L", b"ALPH", b"ANIM"):
            kept.append(chunk)
        elif kind == b"EXIF":
            orientation = read_orientation(bytes(chunk[8:]))
        if frames > limits.max_frames:
            raise Refused("too_complex", reason="frames")
    return PictureHeader(
        format="WEBP",
        width=width,
        height=height,
        pixel_data=_join(kept),
        orientation=orientation,
        frames=max(1, frames),
    )


def _walk_chunks(chunks: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Each chunk's kind and its bytes, head and padding included."""
    position, seen = 0, 0
    while position < len(chunks):
        if position + 8 > len(chunks):
            raise Refused("truncated_or_damaged")
        kind, length = _CHUNK_HEAD.unpack_from(chunks, position)
        end = position + 8 + length + (length & 1)
        seen += 1
        if position + 8 + length > len(chunks):
            raise Refused("truncated_or_damaged")
        if seen > _MAX_CHUNKS:
            raise Refused("too_complex", reason="chunks")
        yield kind, chunks[position:end]
        position = end


def _strip_frame(chunk: memoryview) -> bytes:
    """An animation's frame with only the chunks that make its pixels."""
    inner = chunk[8 + _FRAME_HEAD_BYTES :]
    parts = [part for kind, part in _walk_chunks(inner) if kind in (b"VP8 ", b"VP8L", b"ALPH")]
    body = b"".join((chunk[8 : 8 + _FRAME_HEAD_BYTES], *parts))
    return _CHUNK_HEAD.pack(b"ANMF", len(body)) + body + b"\x00" * (len(body) & 1)


def _join(parts: list[bytes | memoryview] | tuple[memoryview, ...]) -> bytes:
    body = b"".join((b"WEBP", *parts))
    body += b"\x00" * (len(body) & 1)  # the last chunk's padding may have been left out
    return b"RIFF" + len(body).to_bytes(4, "little") + body
