"""Pictures of stored packs: read one by one, fetched once, and nothing else can be asked for."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from classifier import picture_packs
from classifier.errors import NotFound
from classifier.object_storage import delete_object, write_verified
from classifier.picture_packs import list_pack_pictures, packs_cache_dir, read_pack_index, read_pack_picture

KEY = "datasets/abc/preview.zip"


@pytest.fixture(autouse=True)
def private_state(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"


def store_pack(members: dict[str, bytes], key: str = KEY) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    write_verified(key, out.getvalue())


def test_a_member_is_read_from_the_store_once_and_from_the_disk_then() -> None:
    store_pack({"0/0.png": b"first", "0/1.png": b"second"})
    assert read_pack_picture(KEY, "0/0.png") == b"first"
    delete_object(KEY)
    assert read_pack_picture(KEY, "0/1.png") == b"second"


def test_the_members_are_listed() -> None:
    store_pack({"0/0.png": b"a", "3/1/2.png": b"b", "notes.txt": b"c"})
    assert list_pack_pictures(KEY) == ["0/0.png", "3/1/2.png"]
    assert list_pack_pictures("datasets/none/preview.zip") == []


@pytest.mark.parametrize(
    "member",
    ["../0.png", "/etc/passwd", "0/0.gif", "notes.txt", "0/0.png\n", "", "0//0.png", "0.png", "٣/٣.png", "9/9.png"],
)
def test_other_names_are_not_found(member: str) -> None:
    store_pack({"0/0.png": b"first", "notes.txt": b"secret", "../0.png": b"out"})
    with pytest.raises(NotFound):
        read_pack_picture(KEY, member)


@pytest.mark.parametrize("key", ["", "datasets/none/preview.zip", "../secret-key", "a b"])
def test_a_pack_that_is_not_there_is_not_found(key: str) -> None:
    with pytest.raises(NotFound):
        read_pack_picture(key, "0/0.png")


def test_something_else_than_a_pack_is_not_found_and_not_kept() -> None:
    write_verified(KEY, b"no archive")
    with pytest.raises(NotFound):
        read_pack_picture(KEY, "0/0.png")
    assert not packs_cache_dir().exists()


def test_a_pack_damaged_on_the_disk_is_fetched_again() -> None:
    store_pack({"0/0.png": b"first"})
    read_pack_picture(KEY, "0/0.png")
    [kept] = packs_cache_dir().iterdir()
    kept.write_bytes(b"rubbish")
    with pytest.raises(NotFound):
        read_pack_picture(KEY, "0/0.png")
    assert read_pack_picture(KEY, "0/0.png") == b"first"


def test_a_huge_member_is_refused() -> None:
    store_pack({"0/0.png": bytes(4_000_001)})
    with pytest.raises(NotFound):
        read_pack_picture(KEY, "0/0.png")


def test_the_disk_keeps_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_packs, "MOST_CACHE_BYTES", 3000)
    for number in range(5):
        store_pack({"0/0.png": bytes(1000)}, key=f"datasets/{number}/preview.zip")
        read_pack_picture(f"datasets/{number}/preview.zip", "0/0.png")
    assert len(list(packs_cache_dir().iterdir())) == 2


def test_the_pictures_that_changed_and_the_index_can_be_read() -> None:
    store_pack({"changes/right/0.png": b"now right", "cells.json": b'{"changes/right": [{"confidence": 0.9}]}'})
    assert read_pack_picture(KEY, "changes/right/0.png") == b"now right"
    assert read_pack_index(KEY) == {"changes/right": [{"confidence": 0.9}]}


def test_a_pack_without_an_index_has_an_empty_one() -> None:
    store_pack({"0/0.png": b"first"})
    assert read_pack_index(KEY) == {}
    assert read_pack_index("datasets/none/preview.zip") == {}
