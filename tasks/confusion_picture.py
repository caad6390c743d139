"""The confusion matrix as a PNG, drawn with Pillow alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from classifier.errors import Refused

CELL: Final = 44
MOST_LABELS: Final = 60
MARGIN: Final = 16
INK, PAPER = (30, 30, 30), (255, 255, 255)
FULL: Final = (23, 92, 160)


def write_confusion_picture(path: Path, metrics: dict[str, Any]) -> None:
    """Rows are the truth, columns the answers; a cell is as dark as its share of its row. Raises Refused."""
    names = [entry["label"] for entry in metrics["per_label"]]
    if len(names) > MOST_LABELS:
        raise Refused(
            "malformed_request", f"A picture of {len(names)} labels cannot be read; at most {MOST_LABELS} fit."
        )
    picture = draw_confusion(names, metrics["confusion"])
    try:
        picture.save(path, "PNG")
    except OSError as problem:
        raise Refused("malformed_request", f"{path} cannot be written: {problem.strerror}.") from problem


def draw_confusion(names: list[str], confusion: list[list[int]]) -> Image.Image:
    """The picture; columns carry the numbers that stand before the row names."""
    font = ImageFont.load_default(13)
    titles = [f"{place + 1}. {name[:40]}" for place, name in enumerate(names)]
    left = MARGIN * 2 + round(max(font.getlength(title) for title in titles))
    side = CELL * len(names)
    picture = Image.new("RGB", (left + side + MARGIN, CELL + side + MARGIN), PAPER)
    draw = ImageDraw.Draw(picture)
    for place, title in enumerate(titles):
        middle = CELL * place + CELL // 2
        draw.text((MARGIN, CELL + middle), title, INK, font, anchor="lm")
        draw.text((left + middle, CELL // 2), str(place + 1), INK, font, anchor="mm")
    for truth, row in enumerate(confusion):
        for answer, count in enumerate(row):
            corner = (left + CELL * answer, CELL + CELL * truth)
            share = count / max(1, sum(row))
            draw.rectangle((*corner, corner[0] + CELL - 2, corner[1] + CELL - 2), _shade(share))
            if count:
                ink = PAPER if share > 0.5 else INK
                draw.text((corner[0] + CELL // 2, corner[1] + CELL // 2), f"{count}", ink, font, anchor="mm")
    return picture


def _shade(share: float) -> tuple[int, int, int]:
    lightest = (238, 242, 247)
    red, green, blue = (round(light + (full - light) * share**0.5) for light, full in zip(lightest, FULL, strict=True))
    return red, green, blue
