"""What Google's and Azure's stores may do wrong, met through their own client libraries on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from classifier.errors import StorageUnavailable
from classifier.object_storage import delete_object, list_objects, read_object, stat_object, write_verified
from tests.storage_servers import azure_stub
from tests.storage_servers.azure_stub import AzureStub
from tests.storage_servers.faulty_server import FaultyHandler, FaultyServer, mute_server
from tests.storage_servers.google_stub import GoogleStub

pytest_plugins = ["tests.storage_servers.stores"]

KEY = "images/2026/11/21/0193a1.png"
DATA = b"picture"
LIMITS = "connect_timeout=0.5&read_timeout=0.5"


@dataclass
class Cloud:
    """A stub behind a server whose behaviour a test may change."""

    name: str
    server: FaultyServer
    stub: AzureStub | GoogleStub


class CloudUser:
    """Points STORAGE_URL at an endpoint that speaks like one of the clouds."""

    def __init__(self, name: str, use_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self._use_store, self._monkeypatch = name, use_store, monkeypatch

    def __call__(self, endpoint: str, *, limits: str = LIMITS, bucket: str = "pictures") -> None:
        if self.name == "google":
            self._use_store(f"gs://{bucket}?endpoint={quote(endpoint, safe='')}&{limits}")
            return
        self._monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_stub.connection_string(endpoint))
        self._use_store(f"azure://{bucket}?{limits}")


@pytest.fixture(params=["google", "azure"])
def use_cloud(request: pytest.FixtureRequest, use_store: Any, monkeypatch: pytest.MonkeyPatch) -> CloudUser:
    return CloudUser(request.param, use_store, monkeypatch)


@pytest.fixture
def cloud(use_cloud: CloudUser) -> Iterator[Cloud]:
    stub = GoogleStub() if use_cloud.name == "google" else AzureStub()
    with FaultyServer(stub).running() as server:
        use_cloud(server.endpoint)
        yield Cloud(use_cloud.name, server, stub)


@pytest.mark.parametrize("status", [403, 500, 503])
def test_an_error_of_the_server_is_storage_unavailable_for_every_verb(cloud: Cloud, status: int) -> None:
    cloud.server.behaviour = lambda request: request.answer(status)
    started = time.monotonic()
    for attempt in (
        lambda: write_verified(KEY, DATA),
        lambda: read_object(KEY),
        lambda: stat_object(KEY),
        lambda: delete_object(KEY),
        lambda: list(list_objects("images/")),
    ):
        with pytest.raises(StorageUnavailable):
            attempt()
    assert time.monotonic() - started < 20


def test_bytes_damaged_on_the_way_are_refused_and_nothing_is_kept(cloud: Cloud) -> None:
    def damage(request: FaultyHandler) -> None:
        request.body = request.body.replace(DATA, b"pictuRe")
        cloud.stub(request)

    cloud.server.behaviour = damage
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    assert cloud.stub.objects == {}


def test_a_store_that_confirms_other_bytes_is_not_believed_and_the_object_is_removed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cloud.name == "google":
        wrong = '{"name": "x", "bucket": "pictures", "size": "7", "md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}'
        headers = {"Content-Type": "application/json"}
    else:
        wrong, headers = "", {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA==", "ETag": '"1"'}

    def confirm_other_bytes(request: FaultyHandler) -> None:
        if request.command == "DELETE":
            request.answer(204 if cloud.name == "google" else 202)
        else:
            request.answer(200 if cloud.name == "google" else 201, headers, wrong.encode())

    cloud.server.behaviour = confirm_other_bytes
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    # Google's client asks about the bucket in a thread of its own whenever it likes: a GET may stand anywhere.
    assert [method for method, _ in cloud.server.asked if method != "GET"][-1] == "DELETE"


def test_a_body_cut_short_is_storage_unavailable_and_never_returned(cloud: Cloud) -> None:
    def cut(request: FaultyHandler) -> None:
        headers = {"Content-Length": "100", "Content-Range": "bytes 0-99/100", "ETag": '"1"'}
        request.answer(200 if cloud.name == "google" else 206, headers, b"only this")
        request.close_connection = True

    cloud.server.behaviour = cut
    with pytest.raises(StorageUnavailable):
        read_object(KEY)


def test_a_missing_bucket_is_our_trouble_and_not_a_missing_picture(cloud: Cloud, use_cloud: CloudUser) -> None:
    use_cloud(cloud.server.endpoint, bucket="elsewhere")
    for attempt in (lambda: read_object(KEY), lambda: stat_object(KEY), lambda: list(list_objects(""))):
        with pytest.raises(StorageUnavailable):
            attempt()


@pytest.mark.faults
def test_a_mute_server_costs_less_than_ten_seconds_tidying_up_included(use_cloud: CloudUser) -> None:
    with mute_server() as endpoint:
        use_cloud(endpoint, limits="")
        started = time.monotonic()
        with pytest.raises(StorageUnavailable):
            write_verified(KEY, DATA)
        with pytest.raises(StorageUnavailable):
            delete_object(KEY)
        assert time.monotonic() - started < 10


def test_writing_works_at_once_when_the_store_is_back(cloud: Cloud) -> None:
    cloud.server.behaviour = lambda request: request.answer(503)
    with pytest.raises(StorageUnavailable):
        write_verified(KEY, DATA)
    cloud.server.behaviour = cloud.stub
    write_verified(KEY, DATA)
    assert read_object(KEY) == DATA
