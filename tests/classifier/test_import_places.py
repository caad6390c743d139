"""What may be named for an import on a page: other stores and opened folders, never the rest of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from classifier.errors import Refused
from classifier.import_places import check_place


@pytest.mark.parametrize("place", ["/etc", "file:///etc", "../etc", "cats", "file://localhost/etc"])
def test_folders_of_the_server_are_closed_by_default(place: str) -> None:
    with pytest.raises(Refused, match="Folders of the server cannot be imported"):
        check_place(place)


def test_an_opened_folder_may_be_named(settings: Any, tmp_path: Path) -> None:
    settings.IMPORT_FOLDERS = [str(tmp_path)]
    assert check_place(f" {tmp_path}/cats ") == str(tmp_path / "cats")
    (tmp_path / "way-out").symlink_to("/etc")
    for place in (f"{tmp_path}/../etc", f"{tmp_path}-other", "/etc", f"{tmp_path}/way-out"):
        with pytest.raises(Refused, match="only these can be imported"):
            check_place(place)


def test_a_bucket_may_be_named() -> None:
    assert check_place("s3://pictures/cats") == "s3://pictures/cats"


@pytest.mark.parametrize(
    "place", ["http://example.org/a.zip", "s3://pictures?endpoint=http://10.0.0.1", "s3://key:secret@pictures", "s3://"]
)
def test_other_addresses_are_refused_with_a_sentence(place: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_place(place)
    assert refusal.value.message.endswith((".", ")."))
    assert "STORAGE_URL" not in refusal.value.message


def test_the_sites_own_bucket_is_refused(settings: Any) -> None:
    settings.STORAGE_URL = "s3://whatsit?endpoint=http://store:9000"
    with pytest.raises(Refused, match="own storage"):
        check_place("s3://whatsit/images?endpoint=http://store:9000")
    assert check_place("s3://other?endpoint=http://store:9000")


@pytest.mark.parametrize("place", ["storage://images", "storage://incoming/../images", "storage://incoming"])
def test_of_the_own_storage_only_incoming_is_open(place: str) -> None:
    with pytest.raises(Refused, match="incoming"):
        check_place(place)
    assert check_place("storage://incoming/cats") == "storage://incoming/cats"
