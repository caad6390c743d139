"""Which images are nearly the same picture, so that a reviewer is not asked the same thing twice in a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from classifier.models import Image

NEAR_BITS: Final = 10
NEAR_SIDE: Final = 96
COMPARED: Final = ("content", "difference_hash", "width", "height")


class ShownImages:
    """What is on a reviewer's screen, to tell near-duplicates."""

    def __init__(self, images: Iterable[Image]) -> None:
        self._contents: set[str] = set()
        self._hashes: list[int] = []
        for image in images:
            self.add(image)

    def add(self, image: Image) -> None:
        self._contents.add(image.content)
        if is_large(image):
            self._hashes.append(int.from_bytes(bytes(image.difference_hash)))

    def has_like(self, image: Image) -> bool:
        """Equal pixels; or, where pictures are large enough to tell, a difference hash within NEAR_BITS."""
        if image.content in self._contents:
            return True
        if not is_large(image):
            return False
        mine = int.from_bytes(bytes(image.difference_hash))
        return any((mine ^ other).bit_count() <= NEAR_BITS for other in self._hashes)


def is_large(image: Image) -> bool:
    """Whether its difference hash says anything: on silhouettes of 28 pixels different pictures share one."""
    return max(image.width, image.height) > NEAR_SIDE
