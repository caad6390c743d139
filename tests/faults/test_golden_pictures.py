"""T30 through the front door: every mode comes back with the pixels it must have, and the network sees no others."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ml import images
from ml.preprocessing import Preprocessing
from tests.classifier.picture_files import exif_block, jpeg_segment, jpeg_with, png_chunk, png_with, save, tiled_rgb
from tests.faults.history import History
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.processes, pytest.mark.faults, pytest.mark.long]

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 24, 16
UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda raw: raw,
    2: lambda raw: raw[:, ::-1],
    3: lambda raw: raw[::-1, ::-1],
    4: lambda raw: raw[::-1],
    5: lambda raw: raw.swapaxes(0, 1),
    6: lambda raw: raw[::-1].swapaxes(0, 1),
    7: lambda raw: raw[::-1, ::-1].swapaxes(0, 1),
    8: lambda raw: raw[:, ::-1].swapaxes(0, 1),
}
"""From what lies in the file to what is seen: EXIF 2.3, tag 0x0112."""
PREPARED = (Preprocessing("grey_bright_on_dark", 28, 28, 1), Preprocessing("scale_minus1_1", 96, 96, 3))


@dataclass(frozen=True)
class Golden:
    """A file, the pixels that must come out of it, and by how much they may differ."""

    data: bytes
    pixels: Pixels
    tolerance: int = 0


def noise(channels: int, seed: int) -> Pixels:
    shape = (HEIGHT, WIDTH, channels)[: 3 if channels > 1 else 2]
    pixels: Pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return pixels


def over_white(colours: Pixels, alpha: Pixels) -> Pixels:
    weight = alpha.astype(float)[..., None] if colours.ndim == 3 else alpha.astype(float)
    shown: Pixels = ((colours * weight + 255 * (255 - weight)) / 255 + 0.5).astype(np.uint8)
    return shown


def png_of(pixels: Pixels, mode: str, **options: object) -> bytes:
    return save(Image.fromarray(pixels, mode), "PNG", **options)


def palettes() -> dict[str, Golden]:
    indexes = noise(1, 5) % 16
    colours = np.random.default_rng(6).integers(0, 256, (16, 3), dtype=np.uint8)
    alphas = np.arange(0, 256, 16, dtype=np.uint8)
    image = Image.fromarray(indexes, "P")
    image.putpalette(colours.tobytes())
    clear = over_white(colours[indexes], alphas[indexes])
    return {
        "P": Golden(save(image, "PNG"), colours[indexes]),
        "P with alpha": Golden(save(image, "PNG", transparency=alphas.tobytes()), clear),
    }


def photos() -> dict[str, Golden]:
    """JPEG loses a little by itself; measured is what the gate adds, against the sent file's own pixels."""
    ink = Image.new("CMYK", (WIDTH, HEIGHT), (51, 102, 0, 25))
    paper = [round((255 - part) * (255 - 25) / 255) for part in (51, 102, 0)]
    found = {"CMYK": Golden(save(ink, "JPEG", quality=100), np.full((HEIGHT, WIDTH, 3), paper, np.uint8), 2)}
    plain = save(tiled_rgb(8, 6), "JPEG", quality=95, subsampling=0)
    raw = np.asarray(Image.open(io.BytesIO(plain)))
    for orientation, turn in UPRIGHT.items():
        turned = jpeg_with(plain, jpeg_segment(0xE1, b"Exif\x00\x00" + exif_block(orientation)))
        found[f"JPEG turned {orientation}"] = Golden(turned, turn(raw), 2)
    return found


def golden_set() -> dict[str, Golden]:
    grey, colour, clear, levels = noise(1, 1), noise(3, 2), noise(4, 3), noise(2, 4)
    deep = levels.view(np.uint16)[..., 0]
    bits = grey > 127
    frames = [Image.fromarray(noise(3, 7 + n), "RGB") for n in range(3)]
    found = {
        "L": Golden(png_of(grey, "L"), grey),
        "LA": Golden(png_of(levels, "LA"), over_white(levels[..., 0], levels[..., 1])),
        "RGB": Golden(png_of(colour, "RGB"), colour),
        "RGBA": Golden(png_of(clear, "RGBA"), over_white(clear[..., :3], clear[..., 3])),
        "1": Golden(save(Image.fromarray(bits), "PNG"), (bits * 255).astype(np.uint8)),
        "I;16": Golden(save(Image.fromarray(deep), "PNG"), (deep >> 8).astype(np.uint8)),
        "WebP": Golden(save(Image.fromarray(colour, "RGB"), "WEBP", lossless=True), colour),
        "PNG, animated": Golden(save(frames[0], "PNG", save_all=True, append_images=frames[1:]), np.asarray(frames[0])),
        "WebP, animated": Golden(
            save(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:]), np.asarray(frames[0])
        ),
        **palettes(),
        **photos(),
    }
    for orientation, turn in UPRIGHT.items():
        turned = png_with(png_of(colour, "RGB"), png_chunk(b"eXIf", exif_block(orientation)))
        found[f"PNG turned {orientation}"] = Golden(turned, turn(colour))
    return found


def difference(first: Pixels, second: Pixels) -> int:
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second.astype(int)).max())


def test_t30_every_mode_comes_back_with_its_pixels(stack: Stack, history: History) -> None:
    with stack.client() as client:
        for name, golden in golden_set().items():
            answer = client.post("/api/v1/images", files={"file": ("a.png", golden.data)})
            assert answer.status_code == 201, (name, answer.text)
            image = answer.json()["images"][0]
            history.accepted[image["id"]] = image["sha256"]
            stored = client.get(f"/api/v1/images/{image['id']}/file").content
            assert difference(np.asarray(Image.open(io.BytesIO(stored))), golden.pixels) <= golden.tolerance, name
            for preprocessing in PREPARED:
                seen = images.prepare_image(stored, preprocessing)
                sent = images.prepare_picture(Image.fromarray(np.ascontiguousarray(golden.pixels)), preprocessing)
                assert difference(seen, sent) <= golden.tolerance, (name, preprocessing.name)
            history.rounds += 1
    history.await_quiet(20)
    history.check()


def test_training_and_serving_prepare_pictures_with_the_same_functions() -> None:
    for part in ("inference", "training_examples"):
        tree = ast.parse((ROOT / "ml" / f"{part}.py").read_text(encoding="utf-8"))
        taken = {each.module: each.names for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
        assert "prepare_image" in [name.name for name in taken["ml.images"]], part
        assert "PIL" not in taken, part
