"""Walks the segments of a JPEG file: size, scans, orientation, and the segments that make the pixels. Decodes nothing.

Format: ITU-T T.81, annex B.
"""

import re
import struct

from classifier.errors import Refused
from classifier.image_facts import PictureHeader, PictureLimits, refuse_oversize
from classifier.image_orientation import read_orientation

JPEG_SIGNATURE = b"\xff\xd8\xff"
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_EXIF_SEGMENT, _ADOBE_SEGMENT = 0xE1, 0xEE
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # all that stand before a segment; not the restarts within a scan
_MAX_PIXELS_PER_BYTE = 1024  # 64 pixels take at least one bit: 512, and as much again to be safe
_MAX_SEGMENTS = 2_000  # the largest colour profile takes 255


class _Walk:
    """What has been seen so far while going from segment to segment."""

    def __init__(self) -> None:
        self.kept: list[bytes | memoryview] = [b"\xff\xd8"]
        self.size: tuple[int, int] | None = None
        self.orientation = 1

    def take(self, marker: int, segment: memoryview) -> None:
        """Keep what the decoder needs; of the application data only the colour hints, written anew."""
        if 0xE0 <= marker <= 0xEF or marker == _COMMENT:
            self._take_application_data(marker, bytes(segment[4:]))
            return
        self.kept.append(segment)
        if marker in _START_OF_FRAME:
            if self.size is not None or len(segment) < 9:
                raise Refused("truncated_or_damaged")
            height, width = struct.unpack_from(">HH", segment, 5)
            self.size = (width, height)

    def _take_application_data(self, marker: int, body: bytes) -> None:
        if marker == 0xE0 and body.startswith(b"JFIF\x00") and len(body) >= 14:
            self.kept.append(_JFIF)
        elif marker == _ADOBE_SEGMENT and body.startswith(b"Adobe") and len(body) >= 12:
            self.kept.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + body[11:12])
        elif marker == _EXIF_SEGMENT and body.startswith(b"Exif\x00") and self.orientation == 1:
            self.orientation = read_orientation(body)


def read_jpeg_header(data: bytes, limits: PictureLimits) -> PictureHeader:
    """Read a file that begins with the JPEG signature; raises Refused."""
    if len(data) > 3 and _MARKER.match(data, 2) is None and data[3] != 0xFF:
        raise Refused("type_mismatch")
    walk = _Walk()
    first_scan = _walk_segments(data, walk)
    if walk.size is None:
        raise Refused("truncated_or_damaged")
    width, height = walk.size
    refuse_oversize(width, height, limits)
    if width * height > _MAX_PIXELS_PER_BYTE * (len(data) - first_scan):
        raise Refused("truncated_or_damaged", width=width, height=height)  # libjpeg would fill in grey, without a word
    scans = _count_scans(data, first_scan, limits)
    if scans > limits.max_scans:
        raise Refused("too_complex", reason="scans")
    return PictureHeader(
        format="JPEG",
        width=width,
        height=height,
        pixel_data=b"".join((*walk.kept, memoryview(data)[first_scan:])),
        orientation=walk.orientation,
        scans=scans,
    )


def _walk_segments(data: bytes, walk: _Walk) -> int:
    """Go from segment to segment; the position of the first scan."""
    view = memoryview(data)
    position = 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, position)
        if found is None:
            break
        position = found.start()
        marker = data[position + 1]
        if marker == _START_OF_SCAN:
            return position
        end = _find_end_of_segment(data, position)
        if marker in (_START_OF_IMAGE, _END_OF_IMAGE) or end is None:
            break
        walk.take(marker, view[position:end])
        position = end
    else:
        raise Refused("too_complex", reason="segments")
    raise Refused("truncated_or_damaged")


def _find_end_of_segment(data: bytes, position: int) -> int | None:
    length = int.from_bytes(data[position + 2 : position + 4], "big")
    end = position + 2 + length
    return end if length >= 2 and end <= len(data) else None


def _count_scans(data: bytes, first_scan: int, limits: PictureLimits) -> int:
    """The number of scans. A plain search can only find too many, so few files have to be walked."""
    at_most = data.count(b"\xff\xda", first_scan)
    if at_most <= limits.max_scans:
        return at_most
    scans, position = 0, first_scan
    for _ in range(20 * limits.max_scans):
        found = _MARKER.search(data, position)
        if found is None or data[found.start() + 1] == _END_OF_IMAGE:
            return scans
        position = found.start()
        marker = data[position + 1]
        scans += marker == _START_OF_SCAN
        end = _find_end_of_segment(data, position)
        if end is None or scans > limits.max_scans:
            return scans
        position = end
    return at_most
