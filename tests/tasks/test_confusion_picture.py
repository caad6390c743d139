"""The confusion matrix as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from classifier.errors import Refused
from tasks.confusion_picture import CELL, draw_confusion, write_confusion_picture


def metrics(labels: int) -> dict[str, Any]:
    return {
        "per_label": [{"label": f"label {place}"} for place in range(labels)],
        "confusion": [[9 if row == column else 1 for column in range(labels)] for row in range(labels)],
    }


def test_a_file_is_written_that_opens(tmp_path: Path) -> None:
    write_confusion_picture(tmp_path / "matrix.png", metrics(3))
    with Image.open(tmp_path / "matrix.png") as picture:
        assert min(picture.size) > 3 * CELL


def test_a_full_cell_is_darker_than_an_empty_one() -> None:
    picture = draw_confusion(["a", "b"], [[10, 0], [0, 10]])
    left = picture.width - 2 * CELL - 16
    full, empty = picture.getpixel((left + 3, CELL + 3)), picture.getpixel((left + CELL + 3, CELL + 3))
    assert isinstance(full, tuple)
    assert isinstance(empty, tuple)
    assert sum(full) < sum(empty)


def test_too_many_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="at most 60"):
        write_confusion_picture(tmp_path / "matrix.png", metrics(61))
    assert not (tmp_path / "matrix.png").exists()


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be written"):
        write_confusion_picture(tmp_path / "gone" / "matrix.png", metrics(2))
