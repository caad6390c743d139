"""The fault proxy for HTTP: errors at a given rate, bodies cut short, a wrong ETag; one request a connection."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass

from tests.faults.fault_proxy import Fault, FaultProxy, reset

_LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
_ETAG = re.compile(rb"^(etag:\s*)\"?[^\"\r\n]*\"?", re.IGNORECASE | re.MULTILINE)
_SEED = 42


@dataclass(frozen=True, slots=True)
class HttpFault(Fault):
    """Besides what may happen to any connection. `share` of the requests meet it, drawn with a fixed seed."""

    status: int = 0  # answered without asking the server
    cut_body: bool = False  # half of the answer's body, then the end
    reset_request_at: int | None = None  # the server gets so many bytes of the request, then both sides a reset
    wrong_etag: bool = False
    share: float = 1.0
    methods: tuple[str, ...] = ()  # only these


class HttpFaultProxy(FaultProxy):
    """Knows where a request ends; the server is asked on a connection of its own for each."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._chance = random.Random(_SEED)
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer."""
        head, body = await _read_message(reader)
        method = head.split(b" ", 1)[0].decode()
        self.asked.append(method)
        await self.hold_up(len(head) + len(body))
        fault = self._drawn(method)
        if fault.status:
            writer.write(_plain_answer(fault.status))
        elif fault.reset_request_at is not None:
            await self._ask(head, body, only=fault.reset_request_at)
            reset(writer)
            return
        else:
            answer = await self._ask(head, body)
            await self.hold_up(len(answer))
            writer.write(_altered(answer, fault))
        await writer.drain()

    def _drawn(self, method: str) -> HttpFault:
        fault = self.fault
        if not isinstance(fault, HttpFault) or (fault.methods and method not in fault.methods):
            return HttpFault()
        return fault if self._chance.random() < fault.share else HttpFault()

    async def _ask(self, head: bytes, body: bytes, *, only: int | None = None) -> bytes:
        """The server's whole answer; with `only`, nothing, as the server is left after so many bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            request = _with_close(head) + body
            writer.write(request[:only])
            await writer.drain()
            if only is not None:
                reset(writer)
                return b""
            return await reader.read()
        finally:
            writer.close()


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head, await reader.readexactly(int(length[1])) if length else b""


def _with_close(head: bytes) -> bytes:
    first, rest = head.split(b"\r\n", 1)
    kept = re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
    return first + b"\r\nConnection: close\r\n" + kept


def _plain_answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} Told To\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def _altered(answer: bytes, fault: HttpFault) -> bytes:
    head, mark, body = answer.partition(b"\r\n\r\n")
    if fault.wrong_etag:
        head = _ETAG.sub(rb'\1"' + b"0" * 32 + b'"', head)
    return head + mark + (body[: len(body) // 2] if fault.cut_body else body)
