"""Pictures as answers that a browser keeps, and that do nothing but be looked at."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse

KEPT_SECONDS: Final = 365 * 86400


def answer_picture(data: bytes, content_type: str = "image/png", *, seconds: int = KEPT_SECONDS) -> HttpResponse:
    """What lies under this address never changes, or not for these seconds. It is for the asker's own cache only.

    Whatever the bytes are taken for, they run nothing and fetch nothing, not even opened in a tab of their own.
    """
    answer = HttpResponse(data, content_type=content_type)
    answer["Content-Disposition"] = "inline"
    answer["Cache-Control"] = f"private, max-age={seconds}, immutable"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
