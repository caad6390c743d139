"""Near difference hashes are found without comparing all pairs."""

from __future__ import annotations

import random

from ml.near_duplicates import HASH_BITS, MOST_BITS, NearDuplicates, pieces_of


def flip(value: int, places: list[int]) -> bytes:
    for place in places:
        value ^= 1 << place
    return value.to_bytes(32, "big")


def test_every_hash_within_ten_bits_is_found() -> None:
    source = random.Random(1)
    known = [source.getrandbits(HASH_BITS) for _ in range(50)]
    near = NearDuplicates(value.to_bytes(32, "big") for value in known)
    for _ in range(500):
        bits = source.sample(range(HASH_BITS), source.randint(0, MOST_BITS))
        assert near.has_near(flip(source.choice(known), bits))


def test_eleven_bits_are_too_many() -> None:
    value = random.Random(2).getrandbits(HASH_BITS)
    near = NearDuplicates([value.to_bytes(32, "big")])
    assert not near.has_near(flip(value, list(range(11))))
    assert near.has_near(flip(value, list(range(10))))


def test_an_empty_hash_is_near_to_nothing() -> None:
    assert not NearDuplicates([bytes(32)]).has_near(bytes(32))
    assert not NearDuplicates([flip(0, [3])]).has_near(bytes(32))


def test_the_pieces_together_are_the_hash() -> None:
    value = random.Random(3).getrandbits(HASH_BITS)
    widths = [round(HASH_BITS * (piece + 1) / 11) - round(HASH_BITS * piece / 11) for piece in range(11)]
    together, shift = 0, 0
    for (_, bits), width in zip(pieces_of(value), widths, strict=True):
        together |= bits << shift
        shift += width
    assert together == value
