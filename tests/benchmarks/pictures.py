"""Folders of distinct pictures to send: small grey PNGs, and photos of about 68 KB as JPEG."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SMALL_SIDE = 28
PHOTO_BYTES = 68_000
_IDX_HEADER_BYTES = 16


def make_small_pngs(folder: Path, count: int) -> str:
    """`count` distinct 28x28 grey PNGs; returns what they are. A folder that is complete already is kept."""
    fashion = SHARED_DATA / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    kind = "Fashion-MNIST training pictures" if fashion.exists() else "28x28 shapes drawn from seeds"
    if _is_complete(folder, count):
        return kind
    pixels = _read_fashion(fashion, count) if fashion.exists() else (_draw(seed) for seed in range(count))
    for number, grey in enumerate(pixels):
        picture = Image.frombytes("L", (SMALL_SIDE, SMALL_SIDE), grey)
        picture.save(folder / f"{number:06}.png", optimize=True)
    return kind


def make_photos(folder: Path, count: int) -> str:
    """`count` distinct JPEGs of about 68 KB: photos cut a little differently each time, or noise without photos."""
    sources = sorted((SHARED_DATA / "photos").glob("*.jpg"))
    kind = f"{len(sources)} photos, each cut differently" if sources else "coloured noise"
    if _is_complete(folder, count):
        return kind
    pictures = [_open_photo(path) for path in sources] or [_noise(seed) for seed in range(12)]
    qualities = [_quality_for(picture) for picture in pictures]
    for number in range(count):
        index, turn = number % len(pictures), number // len(pictures)
        picture = pictures[index]
        left, top = turn % 8, turn // 8 % 8
        cut = picture.crop((left, top, picture.width - 8 + left, picture.height - 8 + top))
        grey = turn // 64
        cut.paste((grey, grey, grey), (0, 0, 8, 8))
        cut.save(folder / f"{number:06}.jpg", quality=qualities[index])
    return kind


def _is_complete(folder: Path, count: int) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    return sum(1 for _ in folder.iterdir()) >= count


def _read_fashion(path: Path, count: int) -> Iterator[bytes]:
    size = SMALL_SIDE * SMALL_SIDE
    seen: set[bytes] = set()
    with gzip.open(path) as stream:
        stream.read(_IDX_HEADER_BYTES)
        while len(seen) < count and (grey := stream.read(size)):
            if grey not in seen:
                seen.add(grey)
                yield grey


def _draw(seed: int) -> bytes:
    """A bright block on black with some texture: about as many bytes as a Fashion-MNIST picture."""
    chance = random.Random(seed)
    grey = bytearray(SMALL_SIDE * SMALL_SIDE)
    left, right = chance.randint(3, 9), chance.randint(18, 25)
    for row in range(chance.randint(2, 6), chance.randint(20, 26)):
        for column in range(left, right):
            grey[row * SMALL_SIDE + column] = 128 + chance.getrandbits(7)
    return bytes(grey)


def _open_photo(path: Path) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    return picture.resize((640, max(240, round(640 * picture.height / picture.width))))


def _noise(seed: int) -> Image.Image:
    small = Image.frombytes("RGB", (80, 60), random.Random(seed).randbytes(80 * 60 * 3))
    return small.resize((640, 480), Image.Resampling.BICUBIC)


def _quality_for(picture: Image.Image) -> int:
    """The JPEG quality that comes nearest to PHOTO_BYTES."""

    def distance(quality: int) -> int:
        target = io.BytesIO()
        picture.save(target, "JPEG", quality=quality)
        return abs(len(target.getvalue()) - PHOTO_BYTES)

    return min(range(50, 98, 3), key=distance)
