"""Requests of NATS askers that wait for their answer: core messages, kept by nobody but us, and never many."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from classifier.broker_replies import describe_refusal
from classifier.errors import Refused
from webapp.gateway.protocol import Message

if TYPE_CHECKING:
    from nats.aio.msg import Msg

ID_HEADER: Final = "Nats-Msg-Id"
MOST_WAITING: Final = 500
MOST_BYTES: Final = 64_000_000


class WaitingAskers:
    """Messages between the subscription and the bridge; what does not fit is told to try later. Lives on one loop."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._messages: deque[Message] = deque()
        self._later: list[tuple[float, Message]] = []
        self._bytes = 0

    async def hear(self, sent: Msg) -> None:
        """The subscription's callback."""
        if len(self._messages) >= MOST_WAITING or self._bytes + len(sent.data) > MOST_BYTES:
            await send_away(sent)
            return
        self._bytes += len(sent.data)
        headers = sent.headers or {}
        identity = f"core-{uuid.uuid4()}"  # comes once, and only here
        key = headers.get(ID_HEADER, "")
        self._messages.append(Message(sent.data, identity, key=key, reply_to=sent.reply, headers=headers, handle=sent))
        self.arrived.set()

    def take(self, most: int) -> list[Message]:
        """Up to `most`, the oldest first."""
        now = time.monotonic()
        self._messages += [message for due, message in self._later if due <= now]
        self._later = [entry for entry in self._later if entry[0] > now]
        taken = [self._messages.popleft() for _ in range(min(most, len(self._messages)))]
        if not self._messages:
            self.arrived.clear()
        self._bytes -= sum(len(message.body) for message in taken)
        return taken

    def put_back(self, message: Message, delay_seconds: float) -> None:
        """Deliver it again after the delay; the broker could not."""
        self._bytes += len(message.body)
        self._later.append((time.monotonic() + delay_seconds, message))

    async def send_all_away(self) -> None:
        """The gateway stops: whoever still waits asks another one."""
        for message in (*self._messages, *(message for _, message in self._later)):
            await send_away(message.handle)
        self._messages.clear()
        self._later.clear()


async def send_away(sent: Msg) -> None:
    """Tell a waiting asker to try later."""
    if not sent.reply:
        return
    answer = describe_refusal((sent.headers or {}).get(ID_HEADER, ""), Refused("too_many_requests"))
    await sent.respond(json.dumps(answer, ensure_ascii=False).encode())


def plain_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """As our messages carry them."""
    return dict(headers or {})
