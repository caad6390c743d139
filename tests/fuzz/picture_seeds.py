"""Small pictures of every format and mode for the fuzzer to begin with."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

_MODES = {"PNG": ["L", "LA", "P", "RGB", "RGBA", "1", "I;16"], "JPEG": ["L", "RGB", "CMYK"], "WEBP": ["RGB", "RGBA"]}


def write_seeds(folder: Path) -> int:
    """One file each; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, data in _draw_all():
        (folder / name).write_bytes(data)
        count += 1
    return count


def _draw_all() -> Iterator[tuple[str, bytes]]:
    for kind, modes in _MODES.items():
        for mode in modes:
            picture = Image.new("L", (12, 9), 90).convert(mode) if mode != "I;16" else Image.new("I;16", (12, 9), 900)
            yield f"{kind}-{mode.replace(';', '')}".lower(), _save(picture, kind)
            yield f"{kind}-{mode.replace(';', '')}-oriented".lower(), _save(picture, kind, exif=_orientation(6))
    frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 99, 200)]
    for kind in ("PNG", "WEBP"):
        yield f"{kind}-animated".lower(), _save(frames[0], kind, save_all=True, append_images=frames[1:])
    yield "jpeg-progressive", _save(frames[1], "JPEG", progressive=True)


def _orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def _save(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format=kind, **options)
    return out.getvalue()


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
