"""Time-ordered ids (UUID version 7, RFC 9562): new rows land at the end of every index."""

from __future__ import annotations

import os
import threading
import time
import uuid
from datetime import datetime
from typing import Final

_MILLISECOND: Final = 1 << 74
# Further back than this the clock was set, and is believed.
_LONGEST_STEP_BACK: Final = 1000 * _MILLISECOND


class _TimeOrderedIds:
    """48 bits of Unix milliseconds, then 74 random bits; within a process each is greater than the one before, also
    within a millisecond (RFC 9562, 6.2, method 2), so that "the newest first" holds for rows made in a row.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        random_bits = int.from_bytes(os.urandom(10), "big") >> 6
        value = time.time_ns() // 1_000_000 * _MILLISECOND | random_bits
        with self._lock:
            if 0 <= self._last - value < _LONGEST_STEP_BACK:
                value = self._last + 1 + (random_bits >> 42)
            self._last = value
        return value


_ids = _TimeOrderedIds()


def new_id() -> uuid.UUID:
    """A UUIDv7, greater than the ones that this process made before (unless the clock was set back by a second)."""
    value = _ids.next()
    high = value >> 74 << 80 | 0x7 << 76 | (value >> 62 & 0xFFF) << 64
    return uuid.UUID(int=high | 0b10 << 62 | value & ((1 << 62) - 1))


def first_id_at(moment: datetime) -> uuid.UUID:
    """The smallest time-ordered id that could have been made at this moment."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def parse_id(text: str) -> uuid.UUID | None:
    """The id in `text`, or None when it is none: unknown and malformed ids are answered alike."""
    try:
        return uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None
