"""Who an image belongs to: a user, a visitor, a token or a part of ours. Decides live group and idempotency scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Owner:
    """`identifier` is a user's or token's primary key, a visitor's random id, a command's or a broker's name."""

    kind: Literal["user", "visitor", "token", "command", "gateway"]
    identifier: str

    @property
    def key(self) -> str:
        """As stored on rows: `user:5`."""
        return f"{self.kind}:{self.identifier}"


def live_group(owner_key: str) -> str:
    """The Channels group that hears of this owner's images."""
    return "owner." + owner_key.replace(":", ".")
