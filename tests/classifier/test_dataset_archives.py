"""A ZIP is looked over as a whole before anything of it is read."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from classifier.dataset_archives import UnreadableFileError, ZipSource
from classifier.errors import Refused


def make_zip(path: Path, entries: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def test_entries_are_read_by_name(tmp_path: Path) -> None:
    source = ZipSource(make_zip(tmp_path / "a.zip", {"cats/1.jpg": b"one", "dogs/": b""}))
    assert source.names() == ["cats/1.jpg"]
    assert source.read("cats/1.jpg", 10) == b"one"


def test_reading_stops_behind_the_limit_whatever_the_entry_claims(tmp_path: Path) -> None:
    source = ZipSource(make_zip(tmp_path / "a.zip", {"a/1.jpg": b"x" * 1000}))
    assert len(source.read("a/1.jpg", 10)) == 11


@pytest.mark.parametrize("name", ["../evil.jpg", "a/../../evil.jpg", "/etc/passwd", "a\\..\\evil.jpg", "C:/evil.jpg"])
def test_a_name_that_leads_outside_refuses_the_archive(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "a.zip", {"a/1.jpg": b"x", name: b"x"})
    with pytest.raises(Refused, match="outside itself"):
        ZipSource(path)


def test_a_link_refuses_the_archive(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a/1.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(Refused, match="outside itself"):
        ZipSource(tmp_path / "a.zip")


def test_an_archive_that_would_grow_beyond_reason_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a/1.jpg": bytes(5_000_000)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(Refused, match="would grow"):
        ZipSource(path)


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.dataset_archives.MOST_ENTRIES", 2)
    path = make_zip(tmp_path / "a.zip", {f"a/{number}": b"x" for number in range(3)})
    with pytest.raises(Refused, match="at most 2"):
        ZipSource(path)


def test_a_locked_archive_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a/1.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(Refused, match="password"):
        ZipSource(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"hello")
    with pytest.raises(Refused, match="cannot be opened as a ZIP"):
        ZipSource(tmp_path / "a.zip")


def test_one_damaged_entry_leaves_the_others_readable(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a/1.jpg": b"first-picture", "a/2.jpg": b"second-picture"})
    path.write_bytes(path.read_bytes().replace(b"first-picture", b"flipp-picture"))
    source = ZipSource(path)
    with pytest.raises(UnreadableFileError):
        source.read("a/1.jpg", 100)
    assert source.read("a/2.jpg", 100) == b"second-picture"
