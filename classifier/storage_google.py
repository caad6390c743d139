"""Google Cloud Storage through django-storages: bounded in time, every write confirmed by its MD5."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client  # type: ignore[import-untyped]  # ships no types
from google.cloud.storage.exceptions import DataCorruption  # type: ignore[import-untyped]  # ships no types
from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]  # ships no types
from requests.exceptions import RequestException
from storages.backends.gcloud import GoogleCloudStorage

from classifier.errors import StorageUnavailable
from classifier.object_storage import ObjectMissing, StoredObject
from classifier.storage_silence import SilenceMemory


class GoogleObjectStorage(GoogleCloudStorage):  # type: ignore[misc]  # django-storages ships no types
    """Objects in one bucket. An `http://` endpoint is an emulator and gets no credentials."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._silence = SilenceMemory()
        self._own_client: Any = None
        self._limits: dict[str, Any] = {
            "timeout": (self.connect_timeout_seconds, self.read_timeout_seconds),
            # Google's own default goes on for two minutes; no new try begins after this.
            "retry": DEFAULT_RETRY.with_timeout(self.read_timeout_seconds),
        }

    def get_default_settings(self) -> dict[str, Any]:
        """The endpoint and the two timeouts are ours."""
        ours = {"api_endpoint": None, "connect_timeout_seconds": 2.0, "read_timeout_seconds": 3.5}
        return {**super().get_default_settings(), **ours}

    @property
    def client(self) -> Any:
        """Made at the first use, because looking for credentials may ask the network."""
        if self._own_client is None:
            self._own_client = self._connect()
        return self._own_client

    def _connect(self) -> Any:
        if not self.api_endpoint:
            return Client(project=self.project_id, credentials=self.credentials)
        emulated = self.api_endpoint.startswith("http://")
        return Client(
            project=self.project_id or "none",
            credentials=AnonymousCredentials() if emulated else self.credentials,  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": self.api_endpoint},
        )

    def write_object(self, key: str, data: bytes) -> None:
        """Raises StorageUnavailable; an object that came out wrong is removed again."""
        md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        with self._failures_mapped(key):
            blob = self._blob(key)
            content_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
            blob.upload_from_string(data, content_type=content_type, checksum="md5", **self._limits)
        if blob.md5_hash != md5 or blob.size != len(data):
            self.delete_object(key)
            raise StorageUnavailable from OSError(f"the store kept something else than was sent under {key!r}")

    def read_object(self, key: str) -> bytes:
        """Raises ObjectMissing, StorageUnavailable (bytes that fail their checksum included)."""
        with self._failures_mapped(key):
            data: bytes = self._blob(key).download_as_bytes(checksum="md5", **self._limits)
        return data

    def delete_object(self, key: str) -> None:
        """Raises StorageUnavailable, at once when the server has just been mute: deleting is tidying up."""
        self._silence.raise_if_recent()
        with self._failures_mapped(key):
            try:
                self._blob(key).delete(**self._limits)
            except NotFound:
                return

    def stat_object(self, key: str) -> StoredObject:
        """Raises ObjectMissing, StorageUnavailable."""
        with self._failures_mapped(key):
            blob = self._blob(key)
            blob.reload(**self._limits)
        return StoredObject(key=key, size=blob.size, modified=blob.updated)

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Raises StorageUnavailable."""
        start = f"{self.location}/" if self.location else ""
        with self._failures_mapped(prefix):
            for blob in self.client.list_blobs(self.bucket, prefix=f"{start}{prefix}", **self._limits):
                yield StoredObject(key=blob.name.removeprefix(start), size=blob.size, modified=blob.updated)

    def purge_leftovers(self, *, older_than_seconds: float) -> int:
        """An interrupted upload leaves nothing."""
        return 0

    def _blob(self, key: str) -> Any:
        return self.bucket.blob(self._normalize_name(key))

    @contextmanager
    def _failures_mapped(self, key: str) -> Iterator[None]:
        try:
            yield
        except NotFound as problem:
            if "bucket" in str(problem.message).lower():
                raise StorageUnavailable from problem
            raise ObjectMissing(key) from problem
        except DataCorruption as problem:
            raise StorageUnavailable from problem
        except (GoogleAPIError, GoogleAuthError, RequestException, OSError) as problem:
            self._silence.note()
            raise StorageUnavailable from problem
