"""How the web process and its decode children talk over pipes: one small JSON object and one run of bytes.

JSON and not pickle, because a child that has been taken over by a hostile picture must not reach its parent.
"""

import json
import struct
from typing import IO

READY = b"ready\n"
_HEAD = struct.Struct(">II")
_MAX_FIELDS_BYTES = 10_000
_MAX_PAYLOAD_BYTES = 256_000_000


class BrokenConversationError(Exception):
    """The other side is gone, or says something that is no message."""


def write_message(stream: IO[bytes], fields: dict[str, object], payload: bytes) -> None:
    """Send one message; OSError when the other side is gone."""
    encoded = json.dumps(fields).encode()
    stream.write(_HEAD.pack(len(encoded), len(payload)) + encoded)
    stream.write(payload)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[dict[str, object], bytes]:
    """Wait for one message; BrokenConversationError when none will come."""
    fields_bytes, payload_bytes = _HEAD.unpack(_read_exactly(stream, _HEAD.size))
    if fields_bytes > _MAX_FIELDS_BYTES or payload_bytes > _MAX_PAYLOAD_BYTES:
        raise BrokenConversationError(f"a message of {fields_bytes} + {payload_bytes} bytes is larger than any we send")
    try:
        fields = json.loads(_read_exactly(stream, fields_bytes))
    except ValueError as error:
        raise BrokenConversationError("the message is no JSON") from error
    if not isinstance(fields, dict):
        raise BrokenConversationError("the message is no JSON object")
    return fields, _read_exactly(stream, payload_bytes)


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BrokenConversationError(f"{size} bytes expected, {len(data)} came")
    return data
