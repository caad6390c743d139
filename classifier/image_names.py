"""Names people gave their files: kept to be shown, made harmless, never used as a path."""

from __future__ import annotations

import unicodedata

_LONGEST = 120


def clean_name(name: str) -> str:
    """The last path part without control and direction-changing characters, at most 120 characters, never empty."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    return visible.strip()[:_LONGEST] or "picture"
