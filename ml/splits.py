"""Which part an example belongs to: train, validation or holdout, decided by its content alone. No TensorFlow."""

from __future__ import annotations

import hashlib

from ml.data_types import Split

TRAIN_SHARE, VALIDATION_END = 0.8, 0.9
TRAIN_SHARE_BESIDE_TEST = 0.9


def content_digest(mode: str, width: int, height: int, pixels: bytes) -> str:
    """Hex sha256 over mode, size and decoded pixels of a normalised picture.

    Equal to what the upload gate stores as `content`, so that an upload of a known picture is recognised.
    """
    digest = hashlib.sha256(f"{mode} {width}x{height}\n".encode())
    digest.update(pixels)
    return digest.hexdigest()


def position_of(content: str) -> float:
    """The first 8 hex digits of a content digest as a number 0 ≤ u < 1."""
    return int(content[:8], 16) / 2**32


def choose_split(content: str, *, is_official_test: bool = False, has_official_test: bool = False) -> Split:
    """An official test picture is holdout and the rest of its dataset 90/10; without one the shares are 80/10/10."""
    if is_official_test:
        return Split.HOLDOUT
    position = position_of(content)
    if has_official_test:
        return Split.TRAIN if position < TRAIN_SHARE_BESIDE_TEST else Split.VALIDATION
    if position < TRAIN_SHARE:
        return Split.TRAIN
    return Split.VALIDATION if position < VALIDATION_END else Split.HOLDOUT
