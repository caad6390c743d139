"""Walks the chunks of a PNG file: size, frames, orientation, and the few chunks that make the pixels. Decodes nothing.

Format: https://www.w3.org/TR/png-3/
"""

import struct
import zlib

from classifier.errors import Refused
from classifier.image_facts import PictureHeader, PictureLimits, refuse_oversize
from classifier.image_orientation import read_orientation

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_COMPRESSED_CHUNKS = frozenset((b"zTXt", b"iTXt", b"iCCP"))
_GREY_COLOUR_TYPES = frozenset((0, 4))
_MAX_PIXEL_CHUNKS = 20_000  # a 10 MB file in 2 KB pieces has 5,000
_MAX_OTHER_CHUNKS = 1_000
_MAX_UNPACKED_BYTES = 4 << 20  # colour profiles and texts of honest files stay well below
_CHUNK_HEAD = struct.Struct(">I4s")


class _Walk:
    """What has been seen so far while going from chunk to chunk."""

    def __init__(self, limits: PictureLimits) -> None:
        self.limits = limits
        self.kept: list[bytes | memoryview] = [PNG_SIGNATURE]
        self.others = 0
        self.unpacked_bytes = 0
        self.orientation = 1
        self.frames_declared = 0
        self.frames_seen = 0

    def keep(self, chunk: memoryview) -> None:
        self.kept.append(chunk)
        if len(self.kept) > _MAX_PIXEL_CHUNKS:
            raise Refused("too_complex", reason="chunks")

    def note(self, kind: bytes, body: memoryview) -> None:
        """Learn what a chunk outside the pixels has to say; it is left out of the pixel data."""
        self.others += 1
        if kind == b"fcTL":
            self.frames_seen += 1
        elif kind == b"acTL" and len(body) >= 4:
            self.frames_declared = int.from_bytes(body[:4], "big")
        elif kind == b"eXIf":
            self.orientation = read_orientation(bytes(body))
        elif kind in _COMPRESSED_CHUNKS:
            self.unpacked_bytes += _count_unpacked_bytes(kind, bytes(body))
        if self.unpacked_bytes > _MAX_UNPACKED_BYTES:
            raise Refused("too_complex", reason="metadata")
        if max(self.frames_seen, self.frames_declared) > self.limits.max_frames:
            raise Refused("too_complex", reason="frames")
        if self.others > _MAX_OTHER_CHUNKS + 2 * self.limits.max_frames:
            raise Refused("too_complex", reason="chunks")


def read_png_header(data: bytes, limits: PictureLimits) -> PictureHeader:
    """Read a file that begins with the PNG signature; raises Refused."""
    if len(data) < 33:
        raise Refused("truncated_or_damaged")
    if data[8:16] != b"\x00\x00\x00\rIHDR":
        raise Refused("type_mismatch")
    width, height, bit_depth, colour_type = struct.unpack_from(">IIBB", data, 16)
    refuse_oversize(width, height, limits)
    walk = _walk_chunks(data, limits)
    return PictureHeader(
        format="PNG",
        width=width,
        height=height,
        pixel_data=b"".join(walk.kept),
        orientation=walk.orientation,
        frames=max(1, walk.frames_seen, walk.frames_declared),
        bit_depth=bit_depth,
        is_grey=colour_type in _GREY_COLOUR_TYPES,
    )


def _walk_chunks(data: bytes, limits: PictureLimits) -> _Walk:
    walk = _Walk(limits)
    view = memoryview(data)
    position, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise Refused("truncated_or_damaged")
        length, kind = _CHUNK_HEAD.unpack_from(data, position)
        end = position + 12 + length
        if end > len(data):
            raise Refused("truncated_or_damaged")
        if kind in _PIXEL_CHUNKS:
            walk.keep(view[position:end])
        elif kind == b"fdAT":
            walk.others += 1  # frames after the first are never looked at, only bounded by their fcTL
            if walk.others > _MAX_PIXEL_CHUNKS:
                raise Refused("too_complex", reason="chunks")
        else:
            walk.note(kind, view[position + 8 : end - 4])
        position = end
    return walk


def _count_unpacked_bytes(kind: bytes, body: bytes) -> int:
    """How much a compressed text or profile unfolds to, stopping just past the limit; 0 where it is not compressed."""
    _, found, rest = body.partition(b"\x00")
    if not found or len(rest) < 2:
        return 0
    packed = rest[1:]
    if kind == b"iTXt":
        if rest[0] != 1:
            return 0
        packed = rest[2:].partition(b"\x00")[2].partition(b"\x00")[2]
    try:
        return len(zlib.decompressobj().decompress(packed, _MAX_UNPACKED_BYTES + 1))
    except zlib.error:
        return 0
