"""Reads the orientation out of an EXIF block, and nothing else of it. Never raises: a bad block means upright."""

import struct

_ORIENTATION_TAG = 0x0112
_SHORT = 3
_MAX_ENTRIES = 512
_BYTE_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}


def read_orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, in a TIFF block with or without its "Exif" prefix; 1 when there is none to be read."""
    tiff = exif[6:] if exif.startswith(b"Exif\x00") else exif
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    entry_layout = struct.Struct(order + "HHIH")
    for index in range(min(count, _MAX_ENTRIES)):
        position = directory + 2 + 12 * index
        if position + 12 > len(tiff):
            return 1
        tag, kind, values, value = entry_layout.unpack_from(tiff, position)
        if tag == _ORIENTATION_TAG:
            return value if kind == _SHORT and values == 1 and 1 <= value <= 8 else 1
    return 1
