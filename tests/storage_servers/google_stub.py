"""The part of Google Cloud Storage's JSON interface that the product meets, kept in memory."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

from tests.storage_servers.faulty_server import FaultyHandler

BUCKET = "pictures"
_PAGE = 7


class GoogleStub:
    """A behaviour for FaultyServer. Refuses bytes that do not fit the MD5 they came with, as Google does."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.sessions: dict[str, dict[str, str]] = {}

    def __call__(self, request: FaultyHandler) -> None:
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, _, rest = parts.path.partition("/b/")
        bucket, _, name = rest.partition("/o")
        if bucket != BUCKET:
            return self._refuse(request, 404, "The specified bucket does not exist.")
        if parts.path.startswith("/upload/"):
            return self._upload(request, query)
        if not name.strip("/"):
            return self._list(request, query)
        return self._one(request, unquote(name.removeprefix("/")), query)

    def _upload(self, request: FaultyHandler, query: dict[str, str]) -> None:
        if query.get("uploadType") == "resumable" and request.command == "POST":
            session = str(len(self.sessions))
            self.sessions[session] = json.loads(request.body)
            address = f"http://{request.headers['Host']}{request.path}&session={session}"
            return request.answer(200, {"Location": address})
        if "session" in query:
            facts, data = self.sessions[query["session"]], request.body
        else:
            boundary = request.headers["Content-Type"].partition("boundary=")[2].strip("\"'").encode()
            _, first, second, _ = request.body.split(b"--" + boundary)
            facts = json.loads(first.partition(b"\r\n\r\n")[2])
            data = second.partition(b"\r\n\r\n")[2][:-2]
        if facts.get("md5Hash", _md5(data)) != _md5(data):
            return self._refuse(request, 400, "Provided MD5 hash does not match.")
        self.objects[facts["name"]] = (data, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")
        return self._describe(request, facts["name"])

    def _one(self, request: FaultyHandler, name: str, query: dict[str, str]) -> None:
        if name not in self.objects:
            return self._refuse(request, 404, f"No such object: {BUCKET}/{name}")
        if request.command == "DELETE":
            del self.objects[name]
            return request.answer(204)
        if query.get("alt") == "media":
            data = self.objects[name][0]
            return request.answer(200, {"X-Goog-Hash": f"md5={_md5(data)}"}, data)
        return self._describe(request, name)

    def _list(self, request: FaultyHandler, query: dict[str, str]) -> None:
        names = sorted(name for name in self.objects if name.startswith(query.get("prefix", "")))
        start = int(query.get("pageToken", "0"))
        page: dict[str, object] = {"items": [self._facts(name) for name in names[start : start + _PAGE]]}
        if start + _PAGE < len(names):
            page["nextPageToken"] = str(start + _PAGE)
        self._json(request, 200, page)

    def _describe(self, request: FaultyHandler, name: str) -> None:
        self._json(request, 200, self._facts(name))

    def _facts(self, name: str) -> dict[str, str]:
        data, updated = self.objects[name]
        return {"name": name, "bucket": BUCKET, "size": str(len(data)), "md5Hash": _md5(data), "updated": updated}

    def _refuse(self, request: FaultyHandler, status: int, message: str) -> None:
        self._json(request, status, {"error": {"code": status, "message": message}})

    def _json(self, request: FaultyHandler, status: int, value: object) -> None:
        request.answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()
