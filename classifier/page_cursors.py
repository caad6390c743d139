"""Cursors for long lists: opaque to callers, the last id of the page inside."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from classifier.errors import Refused


def write_cursor(last: UUID) -> str:
    """The text that continues behind `last`."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def read_cursor(text: str) -> UUID:
    """The id inside a cursor. Raises Refused(malformed_request)."""
    try:
        return UUID(bytes=base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise Refused("malformed_request", "This cursor is not one of ours. Start again without it.") from None
