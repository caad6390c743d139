"""What is said about a picture on its way through the gate: limits, header, result. No Django, no Pillow."""

from dataclasses import dataclass
from typing import Literal

from classifier.errors import Refused

SentFormat = Literal["JPEG", "PNG", "WEBP"]
StoredFormat = Literal["JPEG", "PNG"]


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """The most a picture may ask of us. The defaults are the product's; settings may bring others."""

    max_bytes: int = 10_000_000
    max_side: int = 12_000
    max_pixels: int = 40_000_000
    stored_side: int = 2048
    max_scans: int = 100
    max_frames: int = 100
    in_process_pixels: int = 1_000_000
    decode_seconds: float = 4.0
    decode_memory_bytes: int = 1 << 30
    decode_children: int = 2


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a file says about itself, read without decoding a pixel.

    `pixel_data` is the same file without what the first picture's pixels do not need: no metadata, no further frames.
    `width` and `height` are those in the file, before it is turned upright.
    """

    format: SentFormat
    width: int
    height: int
    pixel_data: bytes
    orientation: int = 1
    frames: int = 1
    scans: int = 1
    bit_depth: int = 8
    is_grey: bool = False

    @property
    def decoding_effort(self) -> int:
        """Pixels to decode, where ten JPEG scans (as in any progressive photo) count as one pass."""
        return self.width * self.height * max(1, self.scans // 10)


@dataclass(frozen=True, slots=True)
class NormalisedPicture:
    """A picture as we keep it: upright, mode L or RGB, small enough, without metadata."""

    data: bytes
    format: StoredFormat
    width: int
    height: int
    content: str
    difference_hash: bytes


def refuse_oversize(width: int, height: int, limits: PictureLimits) -> None:
    """Raise the refusal that a header with these sides deserves, if any."""
    if width < 1 or height < 1:
        raise Refused("truncated_or_damaged", width=width, height=height)
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise Refused(
            "too_many_pixels",
            f"This picture is {width} by {height} pixels. Make it smaller: at most {limits.max_side} on a side"
            f" and {limits.max_pixels // 1_000_000} million in all.",
            width=width,
            height=height,
        )
