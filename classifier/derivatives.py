"""Where whatever is made of an image and kept lies in object storage, so that deleting the image finds all of it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

PREFIX: Final = "derived/"


def derivative_prefix(image_id: UUID) -> str:
    """All keys below it belong to this image alone."""
    return f"{PREFIX}{image_id.hex}/"


def derivative_key(image_id: UUID, name: str) -> str:
    """The key of one of them, such as a heat map's `<version id hex>-heatmap.png`."""
    return f"{derivative_prefix(image_id)}{name}"
