"""Files, folders and prefixes that a batch reads; names in order, oddities said when they are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from classifier.batch_places import normalise_places, open_place
from classifier.dataset_archives import UnreadableFileError
from classifier.errors import NotFound, Refused
from classifier.object_storage import write_verified
from classifier.sorted_on_disk import sort_on_disk


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_a_folder_gives_everything_below_it_in_the_order_of_the_names(tmp_path: Path) -> None:
    make_files(tmp_path, "b.png", "a/2.png", "a/1.png", "c/d/e.png")
    assert list(open_place(str(tmp_path)).walk()) == [
        f"{tmp_path}/{name}" for name in ("a/1.png", "a/2.png", "b.png", "c/d/e.png")
    ]


def test_hidden_files_and_what_systems_leave_behind_are_passed_over(tmp_path: Path) -> None:
    make_files(tmp_path, ".DS_Store", "Thumbs.db", "__MACOSX/a.png", ".git/a.png", "a.png")
    assert list(open_place(str(tmp_path)).walk()) == [f"{tmp_path}/a.png"]


def test_a_loop_of_links_is_walked_once(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.png")
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    assert list(open_place(str(tmp_path)).walk()) == [f"{tmp_path}/a/1.png"]


def test_a_file_is_a_place_of_its_own(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png")
    place = open_place(str(tmp_path / "a.png"))
    [shown] = place.walk()
    assert place.read(shown, 100) == b"a.png"


def test_of_a_large_file_one_byte_too_many_is_read(tmp_path: Path) -> None:
    make_files(tmp_path, "abcdef")
    assert open_place(str(tmp_path)).read(f"{tmp_path}/abcdef", 3) == b"abcd"


def test_a_file_that_is_gone_and_a_folder_that_cannot_be_listed_are_said(tmp_path: Path) -> None:
    place = open_place(str(tmp_path))
    with pytest.raises(UnreadableFileError, match="No such file"):
        place.read(f"{tmp_path}/gone.png", 10)
    with pytest.raises(UnreadableFileError, match="This folder cannot be listed"):
        place.read(str(tmp_path), 10)


def test_a_folder_that_vanishes_while_it_is_walked_comes_as_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tmp_path, "a/1.png", "b.png")
    real = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("/a"):
            raise PermissionError
        return real(path)

    monkeypatch.setattr("classifier.batch_places.os.scandir", refuse)
    assert list(open_place(str(tmp_path)).walk()) == [f"{tmp_path}/a", f"{tmp_path}/b.png"]


def test_a_prefix_of_the_sites_storage_is_shown_with_its_address(private_media: None) -> None:
    for name in ("2.png", "1.png", "deeper/3.png"):
        write_verified(f"incoming/cats/{name}", name.encode())
    place = open_place("storage://incoming/cats/")
    shown = list(place.walk())
    assert shown == [f"storage://incoming/cats/{name}" for name in ("1.png", "2.png", "deeper/3.png")]
    assert place.read(shown[2], 100) == b"deeper/3.png"


def test_an_object_that_is_too_large_is_not_fetched(private_media: None) -> None:
    write_verified("incoming/cats/1.png", b"x" * 100)
    place = open_place("storage://incoming/cats")
    with pytest.raises(UnreadableFileError, match="It is larger than"):
        place.read("storage://incoming/cats/1.png", 99)
    with pytest.raises(UnreadableFileError, match="no longer in the storage"):
        place.read("storage://incoming/cats/2.png", 99)


def test_places_are_full_paths_and_none_comes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = ["a", f"{tmp_path}/a", f"file://{tmp_path}/a", "storage://incoming/x"]
    assert normalise_places(named) == [f"{tmp_path}/a", "storage://incoming/x"]


@pytest.mark.parametrize("place", ["", "  ", "file://"])
def test_an_empty_place_is_refused(place: str) -> None:
    with pytest.raises(Refused):
        normalise_places([place])


def test_a_place_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="neither a folder nor a file"):
        open_place(str(tmp_path / "gone"))


def test_more_names_than_fit_are_sorted_on_the_disk() -> None:
    names = [f"{number * 7919 % 1000:03}\n\udcff" for number in range(1000)]
    assert list(sort_on_disk(iter(names), run=64)) == sorted(names)
    assert list(sort_on_disk(iter([]), run=64)) == []
    assert list(sort_on_disk(iter(names[:64]), run=64)) == sorted(names[:64])
