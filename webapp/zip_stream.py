"""A ZIP made part by part, of any size: the list at its end waits in a file, not in memory.

Python's own writer keeps some 800 bytes for each member until the end. Nothing is compressed: pictures are already.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Final

_MEMORY_BYTES: Final = 1_000_000
_VERSION: Final = 45  # 4.5: ZIP64 (PKWARE APPNOTE 4.4.3.2)
_UTF8_NAMES: Final = 0x0800
_MOST_16, _MOST_32 = 0xFFFF, 0xFFFFFFFF
_DOS_FIRST_YEAR: Final = 1980

Member = tuple[str, datetime, bytes]


def stream_zip(members: Iterable[Member]) -> Iterator[bytes]:
    """(path inside, moment, bytes) each → the file in parts, one for each member and one or more for the end."""
    offset, count = 0, 0
    with tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES) as listed:
        for name, moment, data in members:
            path, facts = name.encode(), _facts(moment, data)
            header = b"PK\x03\x04" + struct.pack("<HH", _VERSION, _UTF8_NAMES) + facts
            header += struct.pack("<HH", len(path), 0) + path
            listed.write(_listing(path, facts, offset))
            yield header + data
            offset += len(header) + len(data)
            count += 1
        yield from _end(listed, count, offset)


def _facts(moment: datetime, data: bytes) -> bytes:
    """Method (stored), time, date, checksum and both sizes, as they stand in both kinds of headers."""
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    date = max(0, moment.year - _DOS_FIRST_YEAR) << 9 | moment.month << 5 | moment.day
    return struct.pack("<HHHLLL", 0, time, date, zlib.crc32(data), len(data), len(data))


def _listing(path: bytes, facts: bytes, offset: int) -> bytes:
    extra = b"" if offset < _MOST_32 else struct.pack("<HHQ", 1, 8, offset)
    start = b"PK\x01\x02" + struct.pack("<HHH", _VERSION, _VERSION, _UTF8_NAMES) + facts
    lengths = struct.pack("<HHHHHLL", len(path), len(extra), 0, 0, 0, 0, min(offset, _MOST_32))
    return start + lengths + path + extra


def _end(listed: IO[bytes], count: int, offset: int) -> Iterator[bytes]:
    size = listed.tell()
    listed.seek(0)
    while part := listed.read(65_536):
        yield part
    end = b""
    if count >= _MOST_16 or offset + size >= _MOST_32:
        numbers = struct.pack("<QHHLLQQQQ", 44, _VERSION, _VERSION, 0, 0, count, count, size, offset)
        end = b"PK\x06\x06" + numbers + b"PK\x06\x07" + struct.pack("<LQL", 0, offset + size, 1)
    few = min(count, _MOST_16)
    last = struct.pack("<HHHHLLH", 0, 0, few, few, min(size, _MOST_32), min(offset, _MOST_32), 0)
    yield end + b"PK\x05\x06" + last
