"""Finding pictures whose 256-bit difference hashes differ in few bits, without comparing all pairs. No TensorFlow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

MOST_BITS: Final = 10
HASH_BITS: Final = 256
PIECES: Final = MOST_BITS + 1
"""Ten differing bits cannot touch eleven pieces, so near hashes have one piece in common (pigeonhole)."""
_CUTS: Final = [round(HASH_BITS * piece / PIECES) for piece in range(PIECES + 1)]


class NearDuplicates:
    """The hashes one looks for. An all-zero hash means "not comparable" and is near to nothing."""

    def __init__(self, hashes: Iterable[bytes]) -> None:
        self._by_piece: dict[tuple[int, int], set[int]] = defaultdict(set)
        for each in hashes:
            value = int.from_bytes(each, "big")
            if value:
                for key in pieces_of(value):
                    self._by_piece[key].add(value)

    def has_near(self, difference_hash: bytes) -> bool:
        """Whether a known hash differs in at most MOST_BITS bits."""
        value = int.from_bytes(difference_hash, "big")
        if not value:
            return False
        return any(
            (value ^ candidate).bit_count() <= MOST_BITS
            for key in pieces_of(value)
            for candidate in self._by_piece.get(key, ())
        )


def pieces_of(value: int) -> Sequence[tuple[int, int]]:
    """The eleven `(place, bits)` pieces of a hash."""
    return [(piece, value >> _CUTS[piece] & (1 << _CUTS[piece + 1] - _CUTS[piece]) - 1) for piece in range(PIECES)]
