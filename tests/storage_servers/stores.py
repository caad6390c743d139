"""Fixtures: the stores that the storage tests run against; a test file names this module in `pytest_plugins`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from django.core.files.storage import storages
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from classifier.storage_settings import storage_configuration
from tests.storage_servers import azure_stub, google_stub, swift_server
from tests.storage_servers.azure_stub import AzureStub
from tests.storage_servers.faulty_server import FaultyServer
from tests.storage_servers.google_stub import GoogleStub
from tests.storage_servers.swift_server import missing_packages, start_swift

ACCESS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
)


class UseStore:
    """Makes a STORAGE_URL the project's storage for one test."""

    def __init__(self, settings: Settings, base_dir: Path) -> None:
        self._settings = settings
        self._base_dir = base_dir

    def __call__(self, url: str) -> Any:
        """Returns the backend that now serves `default`."""
        entry = storage_configuration(url, base_dir=self._base_dir)
        self._settings.STORAGES = {**self._settings.STORAGES, "default": entry}
        return storages["default"]


@pytest.fixture
def no_access_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own cloud account can be met by a test."""
    for name in ACCESS_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def use_store(settings: Settings, tmp_path: Path, no_access_keys: None) -> UseStore:
    return UseStore(settings, tmp_path)


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """Its lists come in pages of 7, so that paging is met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "7")
        yield from _run_moto()


def _run_moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def swift_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if absent := missing_packages():
        pytest.skip(f"needs Debian's OpenStack Swift: apt-get install --no-install-recommends {' '.join(absent)}")
    server = start_swift(tmp_path_factory.mktemp("swift"))
    yield server.endpoint
    server.stop()


@pytest.fixture
def moto_url(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch, no_access_keys: None) -> str:
    return _new_bucket(moto_endpoint, "any", "thing", monkeypatch)


@pytest.fixture
def swift_url(swift_endpoint: str, monkeypatch: pytest.MonkeyPatch, no_access_keys: None) -> str:
    """With a folder inside the bucket, so that prefixes are tested too."""
    url = _new_bucket(swift_endpoint, swift_server.ACCESS_KEY, swift_server.SECRET_KEY, monkeypatch)
    return url.replace("?", "/site-a?", 1)


@pytest.fixture
def google_url(no_access_keys: None) -> Iterator[str]:
    with FaultyServer(GoogleStub()).running() as server:
        yield f"gs://{google_stub.BUCKET}/site-a?endpoint={quote(server.endpoint, safe='')}"


@pytest.fixture
def azure_url(monkeypatch: pytest.MonkeyPatch, no_access_keys: None) -> Iterator[str]:
    with FaultyServer(AzureStub()).running() as server:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_stub.connection_string(server.endpoint))
        yield f"azure://{azure_stub.CONTAINER}/site-a"


@pytest.fixture(params=["local", "moto", "swift", "google", "azure"])
def store(request: pytest.FixtureRequest, use_store: UseStore, tmp_path: Path) -> Any:
    """Each kind of store in turn, empty."""
    url = f"file://{tmp_path}/media" if request.param == "local" else request.getfixturevalue(f"{request.param}_url")
    return use_store(url)


def _new_bucket(endpoint: str, access_key: str, secret_key: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    bucket = f"pictures-{secrets.token_hex(6)}"
    # A session of its own: boto3's default one remembers the first keys it met.
    client = boto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key).client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", config=Config(s3={"addressing_style": "path"})
    )
    client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}?endpoint={quote(endpoint, safe='')}"
