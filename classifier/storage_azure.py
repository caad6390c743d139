"""Azure Blob Storage through django-storages: bounded in time, every write confirmed by its MD5."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError, ServiceRequestError, ServiceResponseError
from azure.storage.blob import BlobServiceClient, ContentSettings
from storages.backends.azure_storage import AzureStorage

from classifier.errors import StorageUnavailable
from classifier.object_storage import ObjectMissing, StoredObject
from classifier.storage_silence import SilenceMemory


class AzureObjectStorage(AzureStorage):  # type: ignore[misc]  # django-storages ships no types
    """Objects in one container."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._silence = SilenceMemory()
        self.client_options = {
            "connection_timeout": self.connect_timeout_seconds,
            "read_timeout": self.read_timeout_seconds,
            "retry_total": 1,
            "initial_backoff": 1,
            "increment_base": 1,
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
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        content_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
        with self._failures_mapped(key):
            blob = self._blob(key)
            # validate_content sends Content-MD5, and Azure refuses other bytes; large objects go in checked blocks.
            answer = blob.upload_blob(
                data,
                overwrite=True,
                validate_content=True,
                content_settings=ContentSettings(content_type=content_type, content_md5=bytearray(md5)),
            )
            kept_md5 = answer.get("content_md5")
            kept_size = len(data) if kept_md5 else blob.get_blob_properties().size
        if kept_size != len(data) or (kept_md5 and bytes(kept_md5) != md5):
            self.delete_object(key)
            raise StorageUnavailable from OSError(f"the store kept something else than was sent under {key!r}")

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
