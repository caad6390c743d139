"""Images as a file to take home: CSV, JSON, or a ZIP with a folder for each label.

Made part by part, so that memory stays flat. Between two parts no cursor stays open: pages are read one after the
other, each behind the last.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from classifier.errors import NotFound
from classifier.image_files import open_image_file
from classifier.models import Image
from classifier.presentation import describe_image
from webapp.image_lists import ImagePage
from webapp.zip_stream import Member, stream_zip

PAGE: Final = 200
NOT_ANSWERED: Final = "not answered"
MISSING: Final = "missing pictures.txt"
COLUMNS: Final = (
    "id",
    "name",
    "classifier",
    "state",
    "label",
    "confidence",
    "unsure",
    "model_version",
    "review",
    "reviewed_label",
    "sent_at",
    "width",
    "height",
    "source",
    "sha256",
)
# A spreadsheet takes a cell that begins so for a formula (OWASP, “CSV injection”). Where the system's decimal sign is a
# comma, it ends cells at semicolons, and then cells begin in the midst of ours.
_FORMULA: Final = re.compile(r'(^|[;\t\r\n][ "]*)(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])')
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
# Names that Windows keeps for devices, whatever comes behind a dot.
_DEVICE: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_LONGEST_NAME: Final = 60

ReadPage = Callable[[str], ImagePage]


def walk_pages(read: ReadPage) -> Iterator[Image]:
    """Every image of a list, read page by page; `read` is given the cursor."""
    cursor: str | None = ""
    while cursor is not None:
        page = read(cursor)
        yield from page.images
        cursor = page.next_cursor


def export_csv(images: Iterable[Image]) -> Iterator[bytes]:
    """UTF-8 with a mark, so that spreadsheets read umlauts; a row for each image."""
    out = io.StringIO()
    writer = csv.writer(out)
    out.write("\ufeff")
    writer.writerow(COLUMNS)
    for image in images:
        writer.writerow([plain_cell(value) for value in _cells(image)])
        yield _take(out)
    yield _take(out)


def export_json(images: Iterable[Image]) -> Iterator[bytes]:
    """An array of images as REST describes them, with their review."""
    before = "[\n"
    for image in images:
        yield (before + json.dumps(_described(image), ensure_ascii=False)).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def export_zip(images: Iterable[Image]) -> Iterator[bytes]:
    """The stored pictures below a folder of the label that reviewers settled, else of the answer."""
    return stream_zip(_members(images))


EXPORTS: Final[dict[str, tuple[str, Callable[[Iterable[Image]], Iterator[bytes]]]]] = {
    "csv": ("text/csv; charset=utf-8", export_csv),
    "json": ("application/json", export_json),
    "zip": ("application/zip", export_zip),
}


def name_folders() -> Callable[[str], str]:
    """Gives each label a plain folder name of its own."""
    taken: Counter[str] = Counter()
    names: dict[str, str] = {}

    def folder(label: str) -> str:
        if label not in names:
            plain = plain_name(label) or "label"
            taken[plain.casefold()] += 1
            count = taken[plain.casefold()]
            names[label] = plain if count == 1 else f"{plain}_{count}"
        return names[label]

    return folder


def plain_name(text: str) -> str:
    """Usable as a file's name on every system: no path, no device, no dot or blank at its ends."""
    plain = _UNSAFE.sub("_", text)[:_LONGEST_NAME].strip(" .")
    return f"_{plain}" if _DEVICE.fullmatch(plain) else plain


def _members(images: Iterable[Image]) -> Iterator[Member]:
    folder = name_folders()
    missing: list[str] = []
    last = None
    for image in images:
        last = image
        try:
            data = open_image_file(image)
        except NotFound:
            missing.append(f"{image.id} {image.name}")
            continue
        stem = plain_name(image.name.rpartition(".")[0] or image.name) or "picture"
        ending = "png" if image.format == "PNG" else "jpg"
        yield f"{folder(_label_of(image) or NOT_ANSWERED)}/{stem}-{image.id.hex}.{ending}", image.created_at, data
    if missing and last is not None:
        yield MISSING, last.created_at, "\n".join([*missing, ""]).encode()


def _label_of(image: Image) -> str | None:
    if image.settled_label is not None:
        return image.settled_label.name
    answer = describe_image(image)["prediction"]
    return answer["label"] if answer else None


def _described(image: Image) -> dict[str, Any]:
    settled = image.settled_label.name if image.settled_label else None
    return {**describe_image(image), "review": {"state": image.review_state or None, "label": settled}}


def _cells(image: Image) -> list[object]:
    described = describe_image(image)
    answer = described["prediction"]
    model = answer["model"] if answer else None
    return [
        described["id"],
        image.name,
        described["classifier"],
        described["state"],
        answer["label"] if answer else None,
        answer["confidence"] if answer else None,
        answer["unsure"] if answer and answer["label"] else None,
        model["version"] if model else None,
        image.review_state,
        image.settled_label.name if image.settled_label else None,
        described["created_at"],
        described["width"],
        described["height"],
        image.source,
        image.sha256,
    ]


def plain_cell(value: object) -> object:
    """The value, and as text where a spreadsheet would run it or a part of it."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _take(out: io.StringIO) -> bytes:
    made = out.getvalue().encode()
    out.seek(0)
    out.truncate()
    return made
