"""Tells by its first bytes what a file is, and reads its header. The name and the announced type play no part."""

from classifier.errors import Refused
from classifier.image_facts import PictureHeader, PictureLimits
from classifier.image_header_jpeg import JPEG_SIGNATURE, read_jpeg_header
from classifier.image_header_png import PNG_SIGNATURE, read_png_header
from classifier.image_header_webp import is_webp, read_webp_header


def read_header(data: bytes, limits: PictureLimits) -> PictureHeader:
    """Read the header and hold it against the limits; raises Refused. Takes milliseconds, whatever the file says."""
    if not data:
        raise Refused("empty_file")
    if len(data) > limits.max_bytes:
        raise Refused(
            "file_too_large",
            f"This file is too large. Make it smaller: at most {limits.max_bytes / 1_000_000:g} MB.",
            size_bytes=len(data),
        )
    if data.startswith(PNG_SIGNATURE):
        return read_png_header(data, limits)
    if data.startswith(JPEG_SIGNATURE):
        return read_jpeg_header(data, limits)
    if is_webp(data):
        return read_webp_header(data, limits)
    raise Refused("type_not_allowed")
