"""One behaviour for every store: a local folder, moto's S3 server, OpenStack Swift's S3 interface, and the client
libraries of Google and Azure against stubs."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from pytest_django import Settings

from classifier.object_storage import (
    BadObjectKey,
    ObjectMissing,
    delete_object,
    list_objects,
    object_exists,
    purge_leftovers,
    read_object,
    stat_object,
    write_verified,
)

pytest_plugins = ["tests.storage_servers.stores"]

KEY = "images/2026/11/21/0193a1.png"


def keys(prefix: str) -> list[str]:
    return [found.key for found in list_objects(prefix)]


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 40_000], ids=["empty", "one byte", "10 MB"])
def test_what_was_written_reads_back_byte_for_byte(store: Any, data: bytes) -> None:
    write_verified(KEY, data)
    assert read_object(KEY) == data


def test_a_second_write_under_a_key_replaces_the_first(store: Any) -> None:
    write_verified(KEY, b"first, and longer")
    write_verified(KEY, b"second")
    assert read_object(KEY) == b"second"
    assert keys("images/") == [KEY]


def test_the_key_is_never_altered(store: Any) -> None:
    for key in (KEY, "A-b_c/D.e.f/weights.weights.h5", "x"):
        write_verified(key, key.encode())
    assert keys("") == sorted([KEY, "A-b_c/D.e.f/weights.weights.h5", "x"])


def test_reading_what_is_not_there_says_missing(store: Any) -> None:
    write_verified("images/other.png", b"x")
    with pytest.raises(ObjectMissing):
        read_object(KEY)
    with pytest.raises(ObjectMissing):
        stat_object(KEY)
    assert not object_exists(KEY)


def test_a_deleted_object_is_gone_and_deleting_it_again_is_fine(store: Any) -> None:
    write_verified(KEY, b"x")
    assert object_exists(KEY)
    delete_object(KEY)
    delete_object(KEY)
    assert not object_exists(KEY)
    assert keys("") == []


def test_stat_tells_size_and_time(store: Any) -> None:
    write_verified(KEY, b"12345")
    found = stat_object(KEY)
    assert (found.key, found.size) == (KEY, 5)
    assert abs(found.modified - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_list_holds_the_objects_of_the_prefix_in_order_with_sizes(store: Any) -> None:
    for number, key in enumerate(["images/d2/a", "images/d1/b", "images/d1.txt", "images/d1/a", "models/d1/a"]):
        write_verified(key, b"x" * number)
    assert keys("images/") == ["images/d1.txt", "images/d1/a", "images/d1/b", "images/d2/a"]
    assert keys("images/d1") == ["images/d1.txt", "images/d1/a", "images/d1/b"]
    assert keys("images/d1/") == ["images/d1/a", "images/d1/b"]
    assert keys("images/d1/a") == ["images/d1/a"]
    assert keys("nothing/") == []
    assert [found.size for found in list_objects("images/d1/")] == [3, 1]


def test_a_list_longer_than_one_page_is_whole(store: Any) -> None:
    expected = [f"images/many/{number:04d}" for number in range(30)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: write_verified(key, b"x"), expected))
    assert keys("images/many/") == expected


def test_threads_write_and_read_at_once_without_mixing(store: Any) -> None:
    def write_and_read(number: int) -> bool:
        data = secrets.token_bytes(500 + number)
        write_verified(f"images/threads/{number}", data)
        return read_object(f"images/threads/{number}") == data

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(write_and_read, range(64)))


def test_purging_leftovers_leaves_objects_alone(store: Any) -> None:
    write_verified(KEY, b"x")
    assert purge_leftovers(older_than_seconds=0) == 0
    assert read_object(KEY) == b"x"


BAD_KEYS = ["", "/etc/passwd", "../secret", "a/../b", "a//b", "a/", ".hidden", "a/.incoming-1", "a.", "a b", "a?b"]


@pytest.mark.parametrize("key", [*BAD_KEYS, "ä", "a\\b", "a\n", "a\0b", "x" * 600])
def test_a_key_that_our_code_would_not_make_is_refused(key: str) -> None:
    with pytest.raises(BadObjectKey):
        write_verified(key, b"x")
    with pytest.raises(BadObjectKey):
        read_object(key)


@pytest.mark.parametrize("prefix", ["/", "../", "a//", ".incoming-", "a/../"])
def test_a_prefix_that_no_key_begins_with_is_refused(prefix: str) -> None:
    with pytest.raises(BadObjectKey):
        next(list_objects(prefix), None)


def test_a_backend_of_another_kind_is_refused_with_a_sentence(settings: Settings) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    with pytest.raises(ImproperlyConfigured, match="STORAGE_URL"):
        write_verified(KEY, b"x")


def test_the_s3_stores_share_one_client_among_threads(moto_url: str, use_store: Any) -> None:
    store = use_store(moto_url)
    with ThreadPoolExecutor(8) as pool:
        clients = set(pool.map(lambda _: id(store.connection.meta.client), range(64)))
    assert len(clients) == 1
    assert storages["default"] is store
