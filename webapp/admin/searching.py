"""What a search box of the long lists understands: an id, the SHA-256 of a sent file, or an owner."""

from __future__ import annotations

import re

from django.db.models import Q

from classifier.identifiers import parse_id

HINT = "An id, the SHA-256 of the sent file, or an owner such as user:5. Whole values only."
_SHA256 = re.compile(r"[0-9a-f]{64}")


def image_condition(text: str, *, path: str = "") -> Q | None:
    """The condition on an image (behind `path`), by one indexed column; None when the text can be none of these."""
    word = text.strip()
    if (identifier := parse_id(word)) is not None:
        return Q(**{f"{path}id": identifier})
    if _SHA256.fullmatch(word.lower()):
        return Q(**{f"{path}sha256": word.lower()})
    if word.partition(":")[0] in {"user", "visitor", "token"}:
        return Q(**{f"{path}owner": word})
    return None
