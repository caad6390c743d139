"""What an S3 store may do wrong, and that it costs at most a 503 within ten seconds."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from classifier.errors import StorageUnavailable
from classifier.object_storage import (
    ObjectMissing,
    delete_object,
    list_objects,
    object_exists,
    read_object,
    stat_object,
    write_verified,
)
from tests.storage_servers.faulty_server import FaultyHandler, FaultyServer, mute_server

pytest_plugins = ["tests.storage_servers.stores"]

KEY = "images/2026/11/21/0193a1.png"
DATA = b"picture"
ETAG = f'"{hashlib.md5(DATA).hexdigest()}"'


@pytest.fixture
def server(use_store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A store that confirms every PUT until a test says otherwise."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "thing")
    with FaultyServer(lambda request: request.answer(200, {"ETag": ETAG})).running() as server:
        use_store(f"s3://pictures?endpoint={quote(server.endpoint, safe='')}&connect_timeout=0.5&read_timeout=0.5")
        yield server


def refuse(request: FaultyHandler) -> None:
    request.answer(503)


def test_a_write_carries_the_md5_of_its_bytes_and_is_one_request(server: FaultyServer) -> None:
    sent: list[dict[str, str]] = []

    def confirm(request: FaultyHandler) -> None:
        sent.append(dict(request.headers))
        request.answer(200, {"ETag": ETAG})

    server.behaviour = confirm
    write_verified(KEY, DATA)
    assert server.asked == [("PUT", f"/pictures/{KEY}")]
    assert sent[0]["Content-MD5"] == base64.b64encode(hashlib.md5(DATA).digest()).decode()
    assert sent[0]["Content-Type"] == "image/png"
    assert "Expect" not in sent[0]
    assert not [name for name in sent[0] if name.lower().startswith(("x-amz-acl", "x-amz-checksum", "x-amz-trailer"))]


def test_a_wrong_etag_is_storage_unavailable_and_the_object_is_removed(server: FaultyServer) -> None:
    server.behaviour = lambda request: request.answer(200, {"ETag": f'"{"0" * 32}"'})
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    assert server.asked == [("PUT", f"/pictures/{KEY}"), ("DELETE", f"/pictures/{KEY}")]


@pytest.mark.parametrize(
    "headers", [{}, {"ETag": '"opaque-7"'}, {"ETag": f'"{"0" * 32}"', "x-amz-server-side-encryption": "aws:kms"}]
)
def test_a_store_whose_etag_is_no_md5_is_believed_after_reading_back(
    server: FaultyServer, headers: dict[str, str]
) -> None:
    server.behaviour = lambda request: request.answer(200, headers, DATA if request.command == "GET" else b"")
    write_verified(KEY, DATA)
    assert [method for method, _ in server.asked] == ["PUT", "GET"]


def test_other_bytes_on_reading_back_are_storage_unavailable_and_removed(server: FaultyServer) -> None:
    server.behaviour = lambda request: request.answer(200, {}, b"other" if request.command == "GET" else b"")
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    assert [method for method, _ in server.asked] == ["PUT", "GET", "DELETE"]


def test_bytes_damaged_on_the_way_are_refused_by_a_real_store(
    use_store: Any, swift_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = use_store(swift_url)

    def damage(request: Any, **_rest: object) -> None:
        request.data = b"pictuRe"
        request.body = b"pictuRe"

    store.connection.meta.client.meta.events.register("before-send.s3.PutObject", damage)
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    assert not object_exists(KEY)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_an_error_of_the_server_is_storage_unavailable_for_every_verb(server: FaultyServer, status: int) -> None:
    server.behaviour = lambda request: request.answer(status)
    for attempt in (
        lambda: write_verified(KEY, DATA),
        lambda: read_object(KEY),
        lambda: stat_object(KEY),
        lambda: delete_object(KEY),
        lambda: list(list_objects("images/")),
    ):
        with pytest.raises(StorageUnavailable):
            attempt()


def test_one_passing_error_is_tried_again(server: FaultyServer) -> None:
    def refuse_once(request: FaultyHandler) -> None:
        if len(server.asked) == 1:
            request.answer(503)
        else:
            request.answer(200, {"ETag": ETAG})

    server.behaviour = refuse_once
    write_verified(KEY, DATA)
    assert len(server.asked) == 2


def test_it_is_tried_twice_and_not_more(server: FaultyServer) -> None:
    server.behaviour = refuse
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    assert len(server.asked) == 2


def test_a_body_cut_short_is_storage_unavailable_and_never_returned(server: FaultyServer) -> None:
    def cut(request: FaultyHandler) -> None:
        request.answer(200, {"Content-Length": "100"}, b"only this")
        request.close_connection = True

    server.behaviour = cut
    with pytest.raises(StorageUnavailable):
        read_object(KEY)


def test_a_missing_bucket_is_our_trouble_and_not_a_missing_picture(use_store: Any, moto_url: str) -> None:
    use_store(moto_url.replace("pictures-", "elsewhere-"))
    for attempt in (lambda: read_object(KEY), lambda: stat_object(KEY), lambda: list(list_objects(""))):
        with pytest.raises(StorageUnavailable):
            attempt()


def test_a_missing_object_in_an_existing_bucket_is_missing(use_store: Any, moto_url: str) -> None:
    use_store(moto_url)
    with pytest.raises(ObjectMissing):
        stat_object(KEY)


def test_a_refused_connection_is_storage_unavailable_at_once(server: FaultyServer, use_store: Any) -> None:
    use_store(f"s3://pictures?endpoint={quote('http://127.0.0.1:9', safe='')}")
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    assert time.monotonic() - started < 3


@pytest.mark.faults
def test_a_mute_server_costs_less_than_ten_seconds_tidying_up_included(server: FaultyServer, use_store: Any) -> None:
    with mute_server() as endpoint:
        use_store(f"s3://pictures?endpoint={quote(endpoint, safe='')}")
        started = time.monotonic()
        with pytest.raises(StorageUnavailable):
            write_verified(KEY, DATA)
        with pytest.raises(StorageUnavailable):
            delete_object(KEY)
        assert time.monotonic() - started < 10


def test_deleting_works_again_soon_after_a_silence(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    confirm = server.behaviour

    def hang_up(request: FaultyHandler) -> None:
        request.close_connection = True

    server.behaviour = hang_up
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    server.behaviour = confirm
    with pytest.raises(StorageUnavailable):
        delete_object(KEY)
    later = time.monotonic() + 2.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    delete_object(KEY)
    assert server.asked[-1] == ("DELETE", f"/pictures/{KEY}")


def test_writing_works_at_once_when_the_store_is_back(server: FaultyServer) -> None:
    confirm, server.behaviour = server.behaviour, refuse
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    server.behaviour = confirm
    write_verified(KEY, DATA)


def test_a_signed_address_lasts_five_minutes_and_needs_no_request(use_store: Any, moto_url: str) -> None:
    address = use_store(moto_url).url(KEY)
    assert "X-Amz-Expires=300" in address
    assert "X-Amz-Signature=" in address
