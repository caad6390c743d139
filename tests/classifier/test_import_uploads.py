"""Uploads for imports: kept part by part, whole or refused, and gone when nobody needs them."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from classifier.errors import Conflict, Refused
from classifier.import_jobs import request_import
from classifier.import_uploads import (
    close_upload,
    fetch_upload,
    remove_abandoned_uploads,
    store_part,
    store_stream,
)
from classifier.object_storage import delete_object, list_objects
from tests.import_jobs import send_in_parts

pytestmark = pytest.mark.django_db
DATA = bytes(range(256)) * 20


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("owner")


def keys() -> list[str]:
    return [found.key for found in list_objects("imports/")]


def test_parts_come_together_again(user: User, tmp_path: Path) -> None:
    folder = send_in_parts(user, DATA, part_bytes=999)
    fetch_upload(folder, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == DATA


def test_a_part_sent_twice_counts_once(user: User) -> None:
    upload = uuid.uuid4()
    for _ in range(2):
        store_part(user=user, upload=upload, number=1, data=b"abc")
    assert close_upload(user=user, upload=upload, size_bytes=3)


@pytest.mark.parametrize("sent", [[1, 3], [2], []])
def test_a_missing_part_is_noticed(user: User, sent: list[int]) -> None:
    upload = uuid.uuid4()
    for number in sent:
        store_part(user=user, upload=upload, number=number, data=b"abc")
    with pytest.raises(Refused, match="did not arrive whole"):
        close_upload(user=user, upload=upload, size_bytes=3 * len(sent))


def test_a_wrong_size_is_noticed(user: User) -> None:
    upload = uuid.uuid4()
    store_part(user=user, upload=upload, number=1, data=b"abc")
    with pytest.raises(Refused, match="did not arrive whole"):
        close_upload(user=user, upload=upload, size_bytes=4)


@pytest.mark.parametrize("number", [0, 5])
def test_no_more_is_kept_than_an_import_may_have(user: User, settings: Any, number: int) -> None:
    settings.IMPORT_MAX_BYTES, settings.IMPORT_PART_BYTES = 4000, 1000
    with pytest.raises(Refused):
        store_part(user=user, upload=uuid.uuid4(), number=number, data=b"abc")
    assert keys() == []


def test_a_part_is_no_larger_than_a_part(user: User, settings: Any) -> None:
    settings.IMPORT_PART_BYTES = 1000
    for data in (b"", bytes(1001)):
        with pytest.raises(Refused, match="1 to 1000 bytes"):
            store_part(user=user, upload=uuid.uuid4(), number=1, data=data)


def test_another_person_cannot_add_to_an_upload(user: User) -> None:
    upload = uuid.uuid4()
    store_part(user=user, upload=upload, number=1, data=b"abc")
    store_part(user=User.objects.create_user("other"), upload=upload, number=2, data=b"abc")
    assert close_upload(user=user, upload=upload, size_bytes=3)


def test_an_upload_that_is_being_imported_is_closed(user: User) -> None:
    upload = uuid.uuid4()
    store_part(user=user, upload=upload, number=1, data=b"abc")
    folder = close_upload(user=user, upload=upload, size_bytes=3)
    request_import(classifier_slug="pets", name="a", user=user, storage_key=folder)
    with pytest.raises(Conflict):
        store_part(user=user, upload=upload, number=2, data=b"abc")


def test_a_file_of_one_request_is_kept_in_parts(user: User, settings: Any, tmp_path: Path) -> None:
    settings.IMPORT_PART_BYTES = 1000
    folder = store_stream(user=user, stream=io.BytesIO(DATA))
    assert len(keys()) == 6
    fetch_upload(folder, tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == DATA


def test_a_file_that_is_too_large_leaves_nothing(user: User, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES, settings.IMPORT_PART_BYTES = 4000, 1000
    with pytest.raises(Refused, match="more than"):
        store_stream(user=user, stream=io.BytesIO(DATA))
    assert keys() == []


def test_parts_that_are_gone_are_named(user: User, tmp_path: Path) -> None:
    folder = send_in_parts(user, DATA)
    for key in keys():
        delete_object(key)
    with pytest.raises(Refused, match="no longer in storage"):
        fetch_upload(folder, tmp_path / "whole")


def test_abandoned_parts_go_and_those_of_an_import_stay(user: User) -> None:
    kept = send_in_parts(user, DATA)
    request_import(classifier_slug="pets", name="a", user=user, storage_key=kept)
    store_part(user=user, upload=uuid.uuid4(), number=1, data=b"abc")
    assert remove_abandoned_uploads() == 0
    assert remove_abandoned_uploads(older_than_seconds=0) == 1
    assert all(key.startswith(f"{kept}/") for key in keys())
