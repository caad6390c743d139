"""Values that stand in an address: read, or refused with a sentence."""

from __future__ import annotations

from classifier.errors import Refused


def read_share(text: str, *, what: str, such_as: str) -> float | None:
    """A share from 0 to 1; None where nothing was said."""
    if not text:
        return None
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise Refused("malformed_request", f"The {what} is a share from 0 to 1, such as {such_as}.")
    return share
