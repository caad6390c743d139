"""Who an image belongs to: a user, a visitor, a token or our command. Decides live group and idempotency scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Owner:
    """`identifier` is a user's or token's primary key, a visitor's random id, or a command's name."""

    kind: Literal["user", "visitor", "token", "command"]
    identifier: str

    @property
    def key(self) -> str:
        """As stored on rows: `user:5`."""
        return f"{self.kind}:{self.identifier}"


def live_group(owner_key: str) -> str:
    """The Channels group that hears of this owner's images."""
    return "owner." + owner_key.replace(":", ".")
