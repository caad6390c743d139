"""The part of Azure Blob Storage's interface that the product meets, kept in memory."""

from __future__ import annotations

import base64
import hashlib
import re
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

from tests.storage_servers.faulty_server import FaultyHandler

ACCOUNT, CONTAINER = "acme", "pictures"
_PAGE = 7
_ENTRY = (
    "<Blob><Name>{name}</Name><Properties><Last-Modified>{modified}</Last-Modified><Etag>1</Etag>"
    "<Content-Length>{size}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
)
_LISTING = (
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="pictures"><Blobs>{entries}</Blobs>'
    "<NextMarker>{marker}</NextMarker></EnumerationResults>"
)


def connection_string(endpoint: str) -> str:
    """For AZURE_STORAGE_CONNECTION_STRING."""
    key = base64.b64encode(b"only for tests").decode()
    return f"AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={endpoint}/{ACCOUNT};"


class AzureStub:
    """A behaviour for FaultyServer. Refuses bytes that do not fit the MD5 they came with, as Azure does."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}

    def __call__(self, request: FaultyHandler) -> None:
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        account, container, *rest = unquote(parts.path).removeprefix("/").split("/", 2)
        if (account, container) != (ACCOUNT, CONTAINER):
            return self._refuse(request, 404, "ContainerNotFound")
        if not rest:
            return self._list(request, query)
        if request.command == "PUT":
            return self._put(request, rest[0])
        if rest[0] not in self.objects:
            return self._refuse(request, 404, "BlobNotFound")
        if request.command == "DELETE":
            del self.objects[rest[0]]
            return request.answer(202)
        return self._get(request, *self.objects[rest[0]])

    def _put(self, request: FaultyHandler, name: str) -> None:
        md5 = base64.b64encode(hashlib.md5(request.body).digest()).decode()
        if request.headers.get("Content-MD5", md5) != md5:
            return self._refuse(request, 400, "Md5Mismatch")
        modified = formatdate(usegmt=True)
        self.objects[name] = (request.body, modified)
        return request.answer(201, {"Content-MD5": md5, "ETag": '"1"', "Last-Modified": modified})

    def _get(self, request: FaultyHandler, data: bytes, modified: str) -> None:
        headers = {"ETag": '"1"', "Last-Modified": modified, "x-ms-blob-type": "BlockBlob"}
        if request.command == "HEAD":
            return request.answer(200, {**headers, "Content-Length": str(len(data))})
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("x-ms-range", ""))
        if wanted is None:
            return request.answer(200, headers, data)
        start, end = int(wanted[1]), min(int(wanted[2]) + 1, len(data))
        if start >= len(data):
            return self._refuse(request, 416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        return request.answer(206, headers, data[start:end])

    def _list(self, request: FaultyHandler, query: dict[str, str]) -> None:
        names = sorted(name for name in self.objects if name.startswith(query.get("prefix", "")))
        start = int(query.get("marker", "0"))
        entries = "".join(
            _ENTRY.format(name=name, size=len(self.objects[name][0]), modified=self.objects[name][1])
            for name in names[start : start + _PAGE]
        )
        marker = str(start + _PAGE) if start + _PAGE < len(names) else ""
        body = _LISTING.format(entries=entries, marker=marker).encode()
        request.answer(200, {"Content-Type": "application/xml"}, body)

    def _refuse(self, request: FaultyHandler, status: int, code: str) -> None:
        request.answer(status, {"x-ms-error-code": code})
