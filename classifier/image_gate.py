"""Decides which bytes may become an image, and makes of them the picture we keep. Stores nothing, changes no row."""

import functools
import hashlib
import os
from dataclasses import dataclass

from django.conf import settings

from classifier.decode_pool import DecodePool
from classifier.image_facts import NormalisedPicture, PictureHeader, PictureLimits, StoredFormat
from classifier.image_headers import read_header
from classifier.image_normalising import normalise

FIRST_FRAME_USED = "first_frame_used"
RESIZED = "resized"
_SWAPS_SIDES = frozenset((5, 6, 7, 8))


@dataclass(frozen=True, slots=True)
class AcceptedPicture:
    """A picture that has passed: upright, L or RGB, without metadata, ready to be stored.

    `sha256` is that of the sent bytes; `content` that of mode, size and pixels; the original sides are those of the
    picture as it is looked at, turned upright.
    """

    data: bytes
    format: StoredFormat
    width: int
    height: int
    original_width: int
    original_height: int
    sha256: str
    content: str
    difference_hash: bytes
    notes: tuple[str, ...]


def admit_picture(data: bytes) -> AcceptedPicture:
    """Check, decode and normalise one sent file.

    Raises Refused with a code and a sentence for the sender, or DecoderBusyError (503) when the fault is ours.
    """
    limits = read_limits()
    header = read_header(data, limits)
    picture = _normalise_guarded(header, limits)
    original = (header.width, header.height)
    if header.orientation in _SWAPS_SIDES:
        original = (header.height, header.width)
    return AcceptedPicture(
        data=picture.data,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        original_width=original[0],
        original_height=original[1],
        sha256=hashlib.sha256(data).hexdigest(),
        content=picture.content,
        difference_hash=picture.difference_hash,
        notes=_describe_changes(header, picture, original),
    )


def read_limits() -> PictureLimits:
    """The limits as the settings say."""
    return PictureLimits(
        max_bytes=settings.UPLOAD_MAX_BYTES,
        max_side=settings.UPLOAD_MAX_SIDE,
        max_pixels=settings.UPLOAD_MAX_PIXELS,
        stored_side=settings.UPLOAD_STORED_SIDE,
        in_process_pixels=settings.DECODE_IN_PROCESS_PIXELS,
        decode_seconds=settings.DECODE_SECONDS,
        decode_memory_bytes=settings.DECODE_MEMORY_BYTES,
        decode_children=settings.DECODE_CHILDREN,
    )


@functools.lru_cache(maxsize=4)
def find_decode_pool(process_id: int, children: int, memory_bytes: int) -> DecodePool:
    """The pool of this process: the process id is asked for so that a fork never talks to its parent's children."""
    return DecodePool(children, memory_bytes)


def _normalise_guarded(header: PictureHeader, limits: PictureLimits) -> NormalisedPicture:
    """Small pictures here, where it costs least; large ones in a child that may be killed."""
    if header.decoding_effort <= limits.in_process_pixels:
        return normalise(header, limits)
    pool = find_decode_pool(os.getpid(), limits.decode_children, limits.decode_memory_bytes)
    return pool.normalise(header, limits)


def _describe_changes(header: PictureHeader, picture: NormalisedPicture, original: tuple[int, int]) -> tuple[str, ...]:
    notes = []
    if header.frames > 1:
        notes.append(FIRST_FRAME_USED)
    if (picture.width, picture.height) != original:
        notes.append(RESIZED)
    return tuple(notes)
