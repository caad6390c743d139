"""Azure Blob Storage through django-storages: bounded in time, every write confirmed by its MD5."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from azure.core.exceptions import AzureError, ResourceNotFoundError, ServiceRequestError, ServiceResponseError
from azure.storage.blob import BlobServiceClient, ContentSettings, LinearRetry
from storages.backends.azure_storage import AzureStorage

from classifier.errors import StorageUnavailable
from classifier.object_storage import ObjectMissing, StoredObject
from classifier.storage_silence import SilenceMemory

_ONE_REQUEST_BYTES: Final = 64 * 1024 * 1024


class _AlteredError(Exception):
    """The store answered, and holds other bytes than were sent."""


class AzureObjectStorage(AzureStorage):  # type: ignore[misc]  # django-storages ships no types
    """Objects in one container."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._silence = SilenceMemory()
        self.client_options = {
            "connection_timeout": self.connect_timeout_seconds,
            "read_timeout": self.read_timeout_seconds,
            # Azure's own default waits 15 s and more between its three tries.
            "retry_policy": LinearRetry(backoff=1, retry_total=1, random_jitter_range=0),
        }

    def get_default_settings(self) -> dict[str, Any]:
        """The two timeouts are ours."""
        return {**super().get_default_settings(), "connect_timeout_seconds": 2.0, "read_timeout_seconds": 3.5}

    def _get_service_client(self) -> Any:
        """With our limits for a connection string too, where django-storages passes none."""
        if self.connection_string:
            return BlobServiceClient.from_connection_string(self.connection_string, **self.client_options)
        return super()._get_service_client()

    def write_object(self, key: str, data: bytes) -> None:
        """Raises StorageUnavailable; an object that came out wrong is removed again."""
        try:
            self._write_confirmed(key, data)
        except _AlteredError as problem:
            self.delete_object(key)
            raise StorageUnavailable from problem

    def _write_confirmed(self, key: str, data: bytes) -> None:
        """Raises StorageUnavailable, or _AlteredError when the store has kept something, but not what was sent."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        content_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
        with self._failures_mapped(key):
            blob = self._blob(key)
            try:
                # validate_content sends Content-MD5, which Azure checks, and checks Azure's answer; large objects go in
                # blocks, each checked so.
                blob.upload_blob(
                    data,
                    overwrite=True,
                    validate_content=True,
                    content_settings=ContentSettings(content_type=content_type, content_md5=bytearray(md5)),
                )
                kept_size = blob.get_blob_properties().size if len(data) > _ONE_REQUEST_BYTES else len(data)
            except AzureError as problem:
                if type(problem) is not AzureError:
                    raise
                raise _AlteredError(str(problem)) from problem
        if kept_size != len(data):
            raise _AlteredError(f"{kept_size} of {len(data)} bytes are under {key!r}")

    def read_object(self, key: str) -> bytes:
        """Raises ObjectMissing, StorageUnavailable."""
        with self._failures_mapped(key):
            data: bytes = self._blob(key).download_blob().readall()
        return data

    def delete_object(self, key: str) -> None:
        """Raises StorageUnavailable, at once when the server has just been mute: deleting is tidying up."""
        self._silence.raise_if_recent()
        with self._failures_mapped(key):
            try:
                self._blob(key).delete_blob()
            except ResourceNotFoundError:
                return

    def stat_object(self, key: str) -> StoredObject:
        """Raises ObjectMissing, StorageUnavailable."""
        with self._failures_mapped(key):
            facts = self._blob(key).get_blob_properties()
        return StoredObject(key=key, size=facts.size, modified=facts.last_modified)

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Raises StorageUnavailable."""
        start = f"{self.location}/" if self.location else ""
        with self._failures_mapped(prefix):
            for blob in self.client.list_blobs(name_starts_with=f"{start}{prefix}" or None):
                yield StoredObject(key=blob.name.removeprefix(start), size=blob.size, modified=blob.last_modified)

    def purge_leftovers(self, *, older_than_seconds: float) -> int:
        """An interrupted upload leaves nothing but blocks that Azure drops by itself."""
        return 0

    def _blob(self, key: str) -> Any:
        return self.client.get_blob_client(self._get_valid_path(key))

    @contextmanager
    def _failures_mapped(self, key: str) -> Iterator[None]:
        try:
            yield
        except ResourceNotFoundError as problem:
            if "ContainerNotFound" in str(getattr(problem, "error_code", "")):
                raise StorageUnavailable from problem
            raise ObjectMissing(key) from problem
        except (ServiceRequestError, ServiceResponseError, OSError) as problem:
            self._silence.note()
            raise StorageUnavailable from problem
        except AzureError as problem:
            raise StorageUnavailable from problem
