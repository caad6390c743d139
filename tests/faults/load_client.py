"""Many uploads at a time over bare sockets: light enough to load the site from the same two cores."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.history import History

_BOUNDARY = "a-boundary-of-the-load-client"
_READ_BYTES = 65_536
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Reply:
    """How one upload ended; status 0: no answer that could be read."""

    status: int
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def says_when_to_return(self) -> bool:
        """Whether a refusal names a wait and says it in words."""
        retry, sentence = self.headers.get("retry-after", ""), self.error.get("message", "")
        return retry.isdigit() and int(retry) >= 1 and sentence.endswith(".")

    @property
    def error(self) -> dict[str, str]:
        """The code and the sentence of a refusal."""
        found: dict[str, str] = json.loads(self.body).get("error", {})
        return found


def percentile(seconds: Iterable[float], share: float) -> float:
    """The smallest value that is not passed by so large a share of all; 0 of none."""
    ordered = sorted(seconds)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else 0.0


def upload_request(picture: bytes, *, name: str = "a.png", headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of one POST of one picture, after which the connection ends."""
    part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    body = part + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()
    fields = {
        "Host": "127.0.0.1",
        "Connection": "close",
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
    return f"POST /api/v1/images HTTP/1.1\r\n{head}\r\n".encode() + body


async def send_request(port: int, request: bytes, *, limit_seconds: float = 120.0) -> Reply:
    """One request over one socket; whatever goes wrong with the connection is a reply of status 0."""
    started = time.monotonic()
    answer = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(limit_seconds):
            answer = await _exchange(port, request)
    return _read_reply(answer, time.monotonic() - started)


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_READ_BYTES)
    try:
        writer.write(request)
        parts = []
        while part := await reader.read(
            _READ_BYTES
        ):  # reads while it writes: a refusal comes before the whole body left
            parts.append(part)
        return b"".join(parts)
    finally:
        writer.close()


def _read_reply(answer: bytes, seconds: float) -> Reply:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return Reply(0, seconds)
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body = _join_chunks(body)
    return Reply(int(first.split()[1]), seconds, headers, body)


def _join_chunks(body: bytes) -> bytes:
    joined = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        joined, body = joined + rest[:length], rest[length + 2 :]
    return joined


async def send_at_once(port: int, requests: Sequence[bytes]) -> list[Reply]:
    """All of them at the same time, each over a socket of its own."""
    return await asyncio.gather(*(send_request(port, request) for request in requests))


async def send_steadily(port: int, requests: Iterator[bytes], *, per_second: float, seconds: float) -> list[Reply]:
    """Open loop: one after the other at this rate, whether or not the earlier ones were answered."""
    started = time.monotonic()
    running: list[asyncio.Task[Reply]] = []
    while time.monotonic() - started < seconds:
        await asyncio.sleep(max(0.0, started + len(running) / per_second - time.monotonic()))
        running.append(asyncio.create_task(send_request(port, next(requests))))
    return list(await asyncio.gather(*running))


async def send_from_many(
    port: int, requests: Iterator[bytes], *, senders: int, seconds: float, into: list[Reply] | None = None
) -> list[Reply]:
    """Closed loop: each sender waits for its answer before its next request, and a little where nobody answers.

    `into`: where the replies are seen while they come.
    """
    ends = time.monotonic() + seconds
    replies = [] if into is None else into

    async def one_sender() -> None:
        while time.monotonic() < ends:
            replies.append(await send_request(port, next(requests)))
            if not replies[-1].status:
                await asyncio.sleep(_PAUSE_SECONDS)

    await asyncio.gather(*(one_sender() for _ in range(senders)))
    return replies


def write_down(history: History, replies: Iterable[Reply]) -> None:
    """For the history checker: what the client was told."""
    for reply in replies:
        history.outcomes[reply.status] += 1
        if reply.status == 201:
            for image in json.loads(reply.body)["images"]:
                history.accepted[image["id"]] = image["sha256"]
