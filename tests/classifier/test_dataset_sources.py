"""Folders, archives and storage prefixes look alike to an import."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.dataset_archives import UnreadableFileError
from classifier.dataset_sources import StorageSource, open_source
from classifier.errors import NotFound, Refused, StorageUnavailable
from classifier.object_storage import write_verified


def test_a_folder_lists_its_files_with_slashes(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.jpg").write_bytes(b"x")
    source = open_source(str(tmp_path))
    assert source.names() == ["cats/1.jpg"]
    assert source.read("cats/1.jpg", 10) == b"x"


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.jpg").write_bytes(b"x")
    (tmp_path / "cats" / "again").symlink_to(tmp_path)
    assert open_source(str(tmp_path)).names() == ["cats/1.jpg"]


def test_a_label_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").write_bytes(b"x")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "cats").symlink_to(tmp_path / "elsewhere")
    assert open_source(str(tmp_path / "set")).names() == ["cats/1.jpg"]


def test_a_file_that_vanished_is_one_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        open_source(str(tmp_path)).read("gone.jpg", 10)


def test_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="neither a folder nor a file"):
        open_source(str(tmp_path / "gone"))


def test_a_prefix_of_our_own_storage_is_read(db: None) -> None:
    write_verified("incoming/cats/1.jpg", b"cat")
    write_verified("incoming-other/dogs/2.jpg", b"dog")
    source = open_source("storage://incoming")
    assert source.names() == ["cats/1.jpg"]
    assert source.read("cats/1.jpg", 10) == b"cat"


def test_an_object_that_is_too_large_is_not_fetched(db: None) -> None:
    write_verified("incoming/cats/1.jpg", b"x" * 100)
    source = open_source("storage://incoming/")
    source.names()
    with pytest.raises(UnreadableFileError, match="larger than"):
        source.read("cats/1.jpg", 10)


@pytest.mark.parametrize("url", ["storage://", "ftp://somewhere/x", "s3://", "gs://b?what=1"])
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        open_source(url)


def test_a_storage_that_does_not_answer_is_named() -> None:
    class Broken:
        def list_objects(self, prefix: str) -> object:
            raise OSError("connection refused")

    with pytest.raises(StorageUnavailable, match="connection refused"):
        StorageSource(Broken(), "x/").names()  # type: ignore[arg-type]
