"""S3-compatible stores through django-storages: bounded in time, one client, every write confirmed by its MD5."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from classifier.errors import StorageUnavailable
from classifier.object_storage import ObjectMissing, StoredObject
from classifier.storage_silence import SilenceMemory

_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?')
_CONNECTIONS_MAX: Final = 64


class S3ObjectStorage(S3Storage):  # type: ignore[misc]  # django-storages ships no types
    """Objects in one bucket.

    Threads share one client (it is thread-safe; one for each of 32 threads would cost 32 copies of boto3's service
    description). A PUT carries Content-MD5, and its ETag must say the same: some stores accept a wrong checksum header.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        endpoint = bool(self.endpoint_url)
        self.client_config = Config(
            s3={"addressing_style": self.addressing_style},
            signature_version=self.signature_version,
            connect_timeout=self.connect_timeout_seconds,
            read_timeout=self.read_timeout_seconds,
            # Three retries cost 40 s on a mute server.
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=_CONNECTIONS_MAX,
            tcp_keepalive=True,
            # Other stores than Amazon's refuse the newer checksums (django-storages#1482).
            request_checksum_calculation="when_required" if endpoint else "when_supported",
            response_checksum_validation="when_required" if endpoint else "when_supported",
        )
        self._lock = threading.Lock()
        self._shared_connection: Any = None
        self._silence = SilenceMemory()

    def get_default_settings(self) -> dict[str, Any]:
        """The two timeouts are ours."""
        return {**super().get_default_settings(), "connect_timeout_seconds": 2.0, "read_timeout_seconds": 3.5}

    @property
    def connection(self) -> Any:
        """One for all threads; django-storages would make one each."""
        if self._shared_connection is None:
            with self._lock:
                if self._shared_connection is None:
                    self._shared_connection = self._connect()
        return self._shared_connection

    def write_object(self, key: str, data: bytes) -> None:
        """Raises StorageUnavailable; an object that came out wrong is removed again."""
        digest = hashlib.md5(data, usedforsecurity=False)
        with self._failures_mapped(key):
            answer = self._client.put_object(
                **self._address(key),
                Body=data,
                ContentMD5=base64.b64encode(digest.digest()).decode(),
                ContentType=self._get_write_parameters(key)["ContentType"],
            )
        if not self._is_confirmed(key, data, answer, digest.hexdigest()):
            self.delete_object(key)
            raise StorageUnavailable from OSError(f"the store kept something else than was sent under {key!r}")

    def read_object(self, key: str) -> bytes:
        """Raises ObjectMissing, StorageUnavailable (a body cut short included)."""
        with self._failures_mapped(key):
            data: bytes = self._client.get_object(**self._address(key))["Body"].read()
        return data

    def delete_object(self, key: str) -> None:
        """Raises StorageUnavailable, at once when the server has just been mute: deleting is tidying up."""
        self._silence.raise_if_recent()
        with self._failures_mapped(key):
            try:
                self._client.delete_object(**self._address(key))
            except ClientError as problem:
                if _code(problem) != "NoSuchKey":
                    raise

    def stat_object(self, key: str) -> StoredObject:
        """Raises ObjectMissing, StorageUnavailable (a missing bucket included)."""
        with self._failures_mapped(key):
            try:
                facts = self._client.head_object(**self._address(key))
            except ClientError as problem:
                if _code(problem) == "404":  # a HEAD has no body to say whether the key or the whole bucket is missing
                    self._client.head_bucket(Bucket=self.bucket_name)
                    raise ObjectMissing(key) from problem
                raise
        return StoredObject(key=key, size=facts["ContentLength"], modified=facts["LastModified"])

    def list_objects(self, prefix: str) -> Iterator[StoredObject]:
        """Raises StorageUnavailable."""
        start = f"{self.location}/" if self.location else ""
        with self._failures_mapped(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket_name, Prefix=f"{start}{prefix}"
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(start)
                    yield StoredObject(key=key, size=entry["Size"], modified=entry["LastModified"])

    def purge_leftovers(self, *, older_than_seconds: float) -> int:
        """An interrupted PUT leaves nothing."""
        return 0

    def _connect(self) -> Any:
        connection = self._create_session().resource(
            "s3",
            region_name=self.region_name,
            use_ssl=self.use_ssl,
            endpoint_url=self.endpoint_url,
            config=self.client_config,
            verify=self.verify,
        )
        connection.meta.client.meta.events.register_last("before-sign.s3.PutObject", _drop_expect_header)
        return connection

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def _address(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(key)}

    def _is_confirmed(self, key: str, data: bytes, answer: dict[str, Any], md5: str) -> bool:
        """By ETag where that is an MD5 (not under KMS keys and with some stores); else by reading back."""
        etag = _MD5.fullmatch(answer.get("ETag", ""))
        if etag and "kms" not in answer.get("ServerSideEncryption", ""):
            return etag[1] == md5
        return self.read_object(key) == data

    @contextmanager
    def _failures_mapped(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as problem:
            if _code(problem) == "NoSuchKey":
                raise ObjectMissing(key) from problem
            raise StorageUnavailable from problem
        except (BotoCoreError, HTTPError, OSError) as problem:
            self._silence.note()
            raise StorageUnavailable from problem


def _drop_expect_header(request: Any, **_event: Any) -> None:
    """Asking first costs a round trip for each small picture, and a second on stores that do not answer it."""
    del request.headers["Expect"]


def _code(problem: ClientError) -> str:
    return str(problem.response.get("Error", {}).get("Code", ""))
