"""Which label a picture file has, from where it lies: a folder per label, or train/ and test/ with one each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

LONGEST_LABEL: Final = 120
IDX_NAME: Final = re.compile(r"(?:train|t10k)-(?:images-idx3|labels-idx1)-ubyte(?:\.gz)?")
_LITTER: Final = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_TRAIN: Final = frozenset({"train", "training"})
_TEST: Final = frozenset({"test", "testing"})
_VALIDATION: Final = frozenset({"val", "valid", "validation"})
_DIGITS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that gave no picture, and why, in words for the person who brought it."""

    name: str
    reason: str

    def __post_init__(self) -> None:
        """Names of other systems may hold what no database and no page takes; it is shown as a mark."""
        shown = "".join(
            character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in self.name
        )
        object.__setattr__(self, "name", shown)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One file to read: its name in the source, the place of its label, and whether it belongs to the test split."""

    name: str
    label_index: int
    is_official_test: bool


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """What the folders say. Labels stand in natural order: 2 before 10."""

    labels: list[str]
    pictures: list[PictureFile]
    passed_over: list[RejectedFile]
    has_official_test: bool


@dataclass(frozen=True, slots=True)
class _Placed:
    name: str
    label: str
    is_official_test: bool


def arrange_by_folders(names: Iterable[str]) -> FolderLayout:
    """Sort relative names (with `/`) into labels.

    Hidden files and what systems leave behind are ignored; folders that hold everything are looked through; a
    validation folder beside train and test counts as train, since our validation split follows from content.
    """
    paths = [path for path in map(PurePosixPath, names) if not _is_litter(path)]
    depth = _count_wrappers(paths)
    parts = {part.lower() for part in (path.parts[depth] for path in paths if len(path.parts) > depth + 2)}
    is_official = bool(parts & _TRAIN) and bool(parts & _TEST)
    placed: list[_Placed] = []
    passed_over: list[RejectedFile] = []
    for path in paths:
        found = _place(path, depth, is_official=is_official)
        if isinstance(found, _Placed):
            placed.append(found)
        else:
            passed_over.append(found)
    labels = sorted({entry.label for entry in placed}, key=natural_order)
    position = {label: index for index, label in enumerate(labels)}
    ordered = sorted(placed, key=lambda entry: (position[entry.label], natural_order(entry.name)))
    pictures = [PictureFile(entry.name, position[entry.label], entry.is_official_test) for entry in ordered]
    return FolderLayout(labels, pictures, passed_over, is_official)


def clean_label(text: str) -> str:
    """A label name as it is kept: composed characters, no control characters, one space at a time.

    May be empty, and longer than LONGEST_LABEL; neither can be a label.
    """
    composed = unicodedata.normalize("NFC", text)
    visible = "".join(character if character.isprintable() else " " for character in composed)
    return " ".join(visible.split())


def natural_order(text: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key that counts: `shirt2` before `shirt10`."""
    pieces = [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in _DIGITS.split(text.casefold())]
    return pieces, text


def _place(path: PurePosixPath, depth: int, *, is_official: bool) -> _Placed | RejectedFile:
    rest = path.parts[depth:]
    part = ""
    if is_official:
        part = rest[0].lower()
        if part not in _TRAIN | _TEST | _VALIDATION:
            return RejectedFile(str(path), "It lies neither in train nor in test.")
        rest = rest[1:]
    if len(rest) < 2:
        return RejectedFile(str(path), "It lies in no label's folder.")
    label = clean_label(rest[0])
    if not label:
        return RejectedFile(str(path), "Its folder's name cannot be a label.")
    if len(label) > LONGEST_LABEL:
        return RejectedFile(str(path), f"Its folder's name is longer than {LONGEST_LABEL} characters; shorten it.")
    return _Placed(str(path), label, part in _TEST)


def _count_wrappers(paths: Sequence[PurePosixPath]) -> int:
    """How many outer folders hold every file without being a label themselves."""
    depth = 0
    while paths and all(len(path.parts) > depth + 2 for path in paths):
        if len({path.parts[depth] for path in paths}) > 1:
            break
        depth += 1
    return depth


def _is_litter(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part in _LITTER for part in path.parts) or not path.parts
