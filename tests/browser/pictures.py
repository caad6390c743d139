"""Files as people drop them: photos, drawings, odd formats, and what is no picture at all."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import ImageDraw
from playwright.sync_api import FilePayload

ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class DroppedFile:
    name: str
    media_type: str
    data: bytes

    def as_payload(self) -> FilePayload:
        """As Playwright's file chooser takes it."""
        return {"name": self.name, "mimeType": self.media_type, "buffer": self.data}


def drawing(seed: int, *, size: tuple[int, int] = (400, 300), mode: str = "RGB") -> Pillow.Image:
    """Coloured shapes on a plain ground; another seed draws others."""
    dice = random.Random(seed)
    picture = Pillow.new("RGBA", size, (240, 240, 240, 255))
    pen = ImageDraw.Draw(picture)
    for _ in range(6):
        left, top = dice.randrange(size[0] // 2), dice.randrange(size[1] // 2)
        box = (left, top, left + dice.randrange(10, size[0] // 2), top + dice.randrange(10, size[1] // 2))
        pen.ellipse(box, fill=(dice.randrange(256), dice.randrange(256), dice.randrange(256), 255))
    return picture.convert(mode)


def file_of(picture: Pillow.Image, name: str, **options: object) -> DroppedFile:
    """The picture as a file of the format that its name says."""
    file_format = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.rpartition(".")[2]]
    out = io.BytesIO()
    picture.save(out, format=file_format, **options)
    return DroppedFile(name, f"image/{file_format.lower()}", out.getvalue())


def noise(seed: int, *, size: tuple[int, int]) -> Pillow.Image:
    """A picture that does not compress: large in bytes."""
    return Pillow.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


def small_picture(seed: int, name: str = "") -> DroppedFile:
    return file_of(drawing(seed, size=(64, 64)), name or f"small {seed}.png")


def large_photo(seed: int, name: str = "large photo.jpg") -> DroppedFile:
    return file_of(drawing(seed, size=(3000, 2000)), name, quality=95)


def rotated_photo(seed: int, name: str = "held sideways.jpg") -> DroppedFile:
    """2000 by 1000 as stored, and a note that it must be turned by a quarter."""
    exif = Pillow.Exif()
    exif[ORIENTATION_TAG] = 6
    return file_of(drawing(seed, size=(2000, 1000)), name, exif=exif)


def cut_out(seed: int, name: str = "cut out.png") -> DroppedFile:
    """A large PNG whose ground is transparent."""
    picture = drawing(seed, size=(1600, 1200), mode="RGBA")
    picture.putalpha(Pillow.linear_gradient("L").resize(picture.size))
    return file_of(picture, name)


def no_picture(name: str = "notes.pdf") -> DroppedFile:
    return DroppedFile(name, "application/pdf", b"%PDF-1.4 some notes")


def damaged_picture(name: str = "half a picture.png") -> DroppedFile:
    whole = file_of(noise(1, size=(120, 120)), name)
    return DroppedFile(name, whole.media_type, whole.data[: len(whole.data) // 2])


def mixed_files() -> list[DroppedFile]:
    """Eight pictures, each of another kind, and two files that must be refused."""
    return [
        file_of(drawing(1), "photo.jpg", quality=90),
        large_photo(2),
        no_picture(),
        small_picture(3),
        file_of(drawing(4), "web picture.webp"),
        cut_out(5),
        rotated_photo(6),
        damaged_picture(),
        file_of(drawing(7, mode="L"), "grey.png"),
        file_of(drawing(8, mode="P"), "palette.png"),
    ]
