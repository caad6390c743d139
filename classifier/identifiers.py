"""Time-ordered ids (UUID version 7, RFC 9562): new rows land at the end of every index."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime


def new_id() -> uuid.UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, then version, variant and 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    high = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (random_bits >> 68 & 0xFFF) << 64
    return uuid.UUID(int=high | 0b10 << 62 | random_bits & ((1 << 62) - 1))


def first_id_at(moment: datetime) -> uuid.UUID:
    """The smallest time-ordered id that could have been made at this moment."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def parse_id(text: str) -> uuid.UUID | None:
    """The id in `text`, or None when it is none: unknown and malformed ids are answered alike."""
    try:
        return uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None
