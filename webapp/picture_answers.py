"""Small pictures as answers that a browser keeps: what lies under such an address never changes."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse

KEPT_SECONDS: Final = 365 * 86400


def answer_picture(png: bytes) -> HttpResponse:
    """A PNG for the asker's own cache only."""
    answer = HttpResponse(png, content_type="image/png")
    answer["Cache-Control"] = f"private, max-age={KEPT_SECONDS}, immutable"
    return answer
