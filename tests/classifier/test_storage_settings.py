"""STORAGE_URL: what each kind becomes, and the sentence for each kind of nonsense."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from classifier import storage_settings
from classifier.storage_backends import DurableLocalStorage
from classifier.storage_settings import storage_configuration

pytest_plugins = ["tests.storage_servers.stores"]
pytestmark = pytest.mark.usefixtures("no_access_keys")

BASE = Path("/srv/whatsit")


def options(url: str) -> dict[str, Any]:
    return dict(storage_configuration(url, base_dir=BASE)["OPTIONS"])


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file://var/media", "/srv/whatsit/var/media"),
        ("file:///data/media", "/data/media"),
        ("file:///data/my%20media", "/data/my media"),
        ("file:///data/100%/Ünder", "/data/100%/Ünder"),
    ],
)
def test_a_folder_may_be_relative_to_the_project_or_absolute(url: str, folder: str) -> None:
    assert options(url)["location"] == folder


def test_a_folder_is_private_unless_modes_are_given(tmp_path: Path, use_store: Any) -> None:
    assert options("file://var/media")["file_permissions_mode"] == 0o600
    store = use_store(f"file://{tmp_path}/media?file_mode=0640&directory_mode=750")
    assert isinstance(store, DurableLocalStorage)
    assert (store.file_permissions_mode, store.directory_permissions_mode) == (0o640, 0o750)


def test_an_s3_compatible_store_gets_the_options_that_were_checked(
    monkeypatch: pytest.MonkeyPatch, use_store: Any
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = use_store("s3://pictures/site-a?endpoint=http://store.example:9000&region=garage")
    client = store.connection.meta.client
    config = client.meta.config
    assert (store.bucket_name, store.location, client.meta.region_name) == ("pictures", "site-a", "garage")
    assert client.meta.endpoint_url == "http://store.example:9000"
    assert (config.connect_timeout, config.read_timeout) == (2.0, 3.5)
    assert config.retries["total_max_attempts"] == 2
    assert config.s3["addressing_style"] == "path"
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"
    assert store.default_acl is None
    assert store.querystring_auth
    assert not store.file_overwrite


def test_amazons_own_store_keeps_its_own_checksums_and_addresses(
    monkeypatch: pytest.MonkeyPatch, use_store: Any
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    client = use_store("s3://pictures?region=eu-central-1").connection.meta.client
    assert client.meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"
    assert client.meta.config.request_checksum_calculation == "when_supported"
    assert client.meta.config.s3["addressing_style"] == "auto"


def test_access_keys_may_stand_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        tmp_path.joinpath(name).write_text(f"{name.lower()}\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    found = options("s3://pictures")
    assert (found["access_key"], found["secret_key"]) == ("aws_access_key_id", "aws_secret_access_key")


def test_without_access_keys_boto_looks_for_a_role() -> None:
    found = options("s3://pictures")
    assert found["access_key"] is found["secret_key"] is found["security_token"] is None


def test_a_google_bucket_becomes_private_signed_and_bounded_in_time() -> None:
    entry = storage_configuration("gs://pictures/site-a?project=acme&read_timeout=5", base_dir=BASE)
    assert entry["BACKEND"] == "classifier.storage_google.GoogleObjectStorage"
    found = entry["OPTIONS"]
    assert (found["bucket_name"], found["location"], found["project_id"]) == ("pictures", "site-a", "acme")
    assert found["default_acl"] is None
    assert found["querystring_auth"]
    assert not found["file_overwrite"]
    assert found["read_timeout_seconds"] == 5.0


def test_an_azure_container_takes_the_names_that_azures_tools_use(
    monkeypatch: pytest.MonkeyPatch, use_store: Any
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "acme")
    monkeypatch.setenv("AZURE_STORAGE_KEY", "c2VjcmV0")
    store = use_store("azure://pictures/site-a")
    assert (store.azure_container, store.location) == ("pictures", "site-a")
    assert store.client.url == "https://acme.blob.core.windows.net/pictures"
    assert store.expiration_secs == 300
    assert not store.overwrite_files
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=other;AccountKey=c2VjcmV0")
    assert options("azure://pictures")["connection_string"] == "AccountName=other;AccountKey=c2VjcmV0"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "begin with one of"),
        ("var/media", "no scheme"),
        ("ftp://host/pictures", "ftp://"),
        ("file://", "names no folder"),
        ("file:///", "names no folder"),
        ("file://var/media#x", "%23"),
        ("file://var/media?mode=600", "'mode'"),
        ("file://var/media?file_mode=rw", "file_mode"),
        ("file://var/media?file_mode=999", "file_mode"),
        ("s3://", "must name a bucket"),
        ("s3:///pictures", "must name a bucket"),
        ("s3://a", "must name a bucket"),
        ("s3://pictures:9000", "must name a bucket"),
        ("s3://key:secret@pictures", "holds an access key"),
        ("s3://pictures?endpoint=store:9000", "endpoint"),
        ("s3://pictures?endpoint=", "endpoint has no value"),
        ("s3://pictures?endpont=http://store", "'endpont'"),
        ("s3://pictures?region=a&region=b", "twice"),
        ("s3://pictures?addressing=odd", "addressing"),
        ("s3://pictures?read_timeout=soon", "read_timeout"),
        ("s3://pictures?read_timeout=0", "read_timeout"),
        ("s3://pictures/../other", "folder in a bucket"),
        ("gs://", "must name a bucket"),
        ("gs://pictures?region=eu", "'region'"),
        ("azure://pictures", "AZURE_STORAGE_CONNECTION_STRING"),
        ("azure://pictures?account=acme", "AZURE_STORAGE_KEY"),
    ],
)
def test_nonsense_is_refused_with_a_sentence_that_names_it(url: str, says: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=says.replace("?", r"\?")) as refusal:
        storage_configuration(url, base_dir=BASE)
    assert "STORAGE_URL" in str(refusal.value)


def test_a_secret_in_the_address_is_not_repeated() -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        storage_configuration("s3://key:hunter2@pictures", base_dir=BASE)
    assert "hunter2" not in str(refusal.value)


def test_half_a_pair_of_access_keys_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    with pytest.raises(ImproperlyConfigured, match="AWS_SECRET_ACCESS_KEY"):
        storage_configuration("s3://pictures", base_dir=BASE)


@pytest.mark.parametrize(
    ("url", "module"),
    [("s3://pictures", "boto3"), ("gs://pictures", "google.cloud.storage"), ("azure://pictures", "azure.storage.blob")],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str
) -> None:
    def without(name: str) -> ModuleSpec | None:
        return None if name == module else find_spec(name)

    monkeypatch.setattr(storage_settings, "find_spec", without)
    with pytest.raises(ImproperlyConfigured, match=f"{module}.*pip install -r requirements-storage.txt"):
        storage_configuration(url, base_dir=BASE)


def test_a_missing_parent_package_is_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> ModuleSpec | None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(storage_settings, "find_spec", absent)
    with pytest.raises(ImproperlyConfigured, match=r"gs:.*google"):
        storage_configuration("gs://pictures", base_dir=BASE)


def test_a_local_folder_needs_none_of_the_cloud_packages() -> None:
    code = (
        "import sys; from django.conf import settings; settings.configure(USE_TZ=True)\n"
        "import classifier.object_storage, classifier.storage_backends, classifier.artifact_storage\n"
        "sys.exit(any(name in sys.modules for name in ('boto3', 'botocore', 'google.cloud', 'azure', 'storages')))"
    )
    root = Path(storage_settings.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=root).returncode == 0
