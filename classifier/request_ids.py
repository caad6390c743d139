"""The one id that follows a request through log lines, rows and messages, from the web process to the worker."""

from __future__ import annotations

from typing import Final

import structlog

LOG_KEY: Final = "request"
HEADER: Final = "whatsit_request"
"""Of messages to workers."""
MAX_LENGTH: Final = 64


def current_request_id() -> str | None:
    """The id that this thread's log lines carry; None outside a request."""
    value = structlog.contextvars.get_contextvars().get(LOG_KEY)
    return str(value) if value else None


def bind_request_id(value: str | None) -> None:
    """From now on the lines of this thread are of this request, or of none: whatever was bound before is gone."""
    structlog.contextvars.clear_contextvars()
    if value:
        structlog.contextvars.bind_contextvars(**{LOG_KEY: value[:MAX_LENGTH]})


def message_headers(request_id: str | None) -> dict[str, str]:
    """What a message carries beside its arguments."""
    return {HEADER: request_id} if request_id else {}
