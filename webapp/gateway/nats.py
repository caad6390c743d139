"""NATS: waiting askers on the request subject (core), durable requests and all answers by JetStream.

A stream that captured the request subject itself would answer every `nats request` with its own acknowledgement before
we could. So the durable subject is another one (GATEWAY_NATS_DURABLE), and the request subject belongs to askers that
wait. Where an operator's stream captures the request subject already, it is used, and nobody is served who waits there.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import TimeoutError as WaitTimeout
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeVar

import nats
import nats.errors
import structlog
from django.conf import settings
from nats.aio.client import Client
from nats.js.client import JetStreamContext

from webapp.gateway.nats_core import WaitingAskers
from webapp.gateway.nats_publishing import publish_all
from webapp.gateway.nats_streams import Durable, open_streams, read_durable
from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message, Outgoing, Sent

logger = structlog.get_logger(__name__)

Result = TypeVar("Result")
CONNECT_SECONDS: Final = 8.0
CALL_SECONDS: Final = 10.0
RECONNECT_SECONDS: Final = 0.5
# Messages that were pulled and not yet handed out are kept from others so often.
KEEP_SECONDS: Final = 5.0
# The longest that one pull waits at the server.
PULL_SECONDS: Final = 1.0


class NatsClient:
    """Satisfies `BrokerClient`; everything of nats-py lives on a loop in a thread of its own."""

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._nats: Client | None = None
        self._stream: JetStreamContext | None = None
        self._durable: Durable | None = None
        self._askers: WaitingAskers | None = None
        self._pulling: asyncio.Task[list[Message]] | None = None
        self._pulled: deque[Message] = deque()
        self._kept_at = 0.0
        self._last_error = ""

    @property
    def source(self) -> str:
        return f"nats:{self._options.request_topic}"[:120]

    @property
    def is_connected(self) -> bool:
        return self._nats is not None and self._nats.is_connected

    def connect(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="gateway-nats", daemon=True).start()
        try:
            self._call(self._connect(), CONNECT_SECONDS * 2)
        except (TimeoutError, nats.errors.Error, OSError, WaitTimeout) as problem:
            reason = self._last_error or str(problem) or type(problem).__name__
            raise BrokerUnavailable(f"NATS does not take us: {reason}. Check GATEWAY_NATS_URL.") from problem

    def receive(self, most: int, timeout_seconds: float) -> list[Message]:
        try:
            return self._call(self._receive(most, timeout_seconds), timeout_seconds + CALL_SECONDS)
        except (nats.errors.Error, OSError, WaitTimeout) as problem:
            raise BrokerUnavailable(f"NATS gives no messages: {problem!r}.") from problem

    def acknowledge(self, messages: Sequence[Message]) -> None:
        async def say() -> None:
            for message in messages:
                if message.handle.reply and not _is_core(message):
                    await message.handle.ack()

        self._say(say())

    def give_back(self, message: Message, delay_seconds: float) -> None:
        async def say() -> None:
            if not _is_core(message):
                await message.handle.nak(delay=delay_seconds or None)
            elif self._askers is not None:
                self._askers.put_back(replace(message, deliveries=message.deliveries + 1), delay_seconds)

        self._say(say())

    def keep(self, messages: Sequence[Message]) -> None:
        self._say(_keep(messages))

    def publish(self, outgoing: Sequence[Outgoing], timeout_seconds: float) -> list[Sent]:
        if self._nats is None or not self._nats.is_connected:
            return [Sent.LATER] * len(outgoing)
        durable_topics = {self._options.reply_topic, self._options.dead_letter_topic}
        sending = publish_all(self._nats, self._stream, durable_topics, outgoing, timeout_seconds)
        try:
            return self._call(sending, timeout_seconds + CALL_SECONDS)
        except (nats.errors.Error, OSError, WaitTimeout, BrokerUnavailable):
            return [Sent.LATER] * len(outgoing)

    def close(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        leaving = asyncio.run_coroutine_threadsafe(self._leave(), loop)
        with suppress(Exception):  # whatever the library says at its end, we are leaving
            leaving.result(CALL_SECONDS)
        loop.call_soon_threadsafe(loop.stop)

    def _call(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        if self._loop is None:
            work.close()
            raise BrokerUnavailable("There is no connection to NATS.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def _say(self, work: Coroutine[Any, Any, None]) -> None:
        """A lost word only brings the message again."""
        try:
            self._call(work, CALL_SECONDS)
        except (nats.errors.Error, OSError, WaitTimeout, BrokerUnavailable) as problem:
            logger.warning("nats_word_lost", problem=repr(problem))

    async def _connect(self) -> None:
        options = self._options
        client = Client()
        self._nats = client
        connecting = client.connect(
            servers=settings.GATEWAY_NATS_URL.split(","),
            name=f"whatsit gateway {options.group}",
            connect_timeout=int(CONNECT_SECONDS / 4),
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type] # slept, whatever its annotation says
            max_reconnect_attempts=-1,
            error_cb=self._note_error,
            user_credentials=settings.GATEWAY_NATS_CREDENTIALS or None,
        )
        await asyncio.wait_for(connecting, CONNECT_SECONDS)
        self._askers = WaitingAskers()
        streams = await open_streams(client, options)
        self._stream, self._durable = streams.context, streams.durable
        if streams.may_serve_askers:
            await client.subscribe(options.request_topic, queue=options.group, cb=self._askers.hear)
        await client.flush(int(CONNECT_SECONDS))

    async def _note_error(self, problem: Exception) -> None:
        self._last_error = str(problem) or type(problem).__name__
        logger.warning("nats_trouble", problem=repr(problem))

    async def _receive(self, most: int, seconds: float) -> list[Message]:
        assert self._nats is not None
        assert self._askers is not None
        if self._nats.is_closed:
            raise BrokerUnavailable(f"NATS has closed the connection: {self._last_error or 'without a reason'}.")
        await self._keep_pulled()
        taken = self._take(most)
        if taken or not most:
            if not taken and seconds:
                await asyncio.sleep(seconds)
            return taken
        self._pull(most)
        heard = asyncio.create_task(self._askers.arrived.wait())
        await asyncio.wait(
            {heard, *({self._pulling} if self._pulling else ())}, timeout=seconds, return_when="FIRST_COMPLETED"
        )
        heard.cancel()
        return self._take(most)

    def _pull(self, most: int) -> None:
        """One pull at a time; it may end during a later call."""
        if self._durable is not None and self._pulling is None and self.is_connected:
            self._pulling = asyncio.create_task(read_durable(self._durable, most, PULL_SECONDS))

    def _take(self, most: int) -> list[Message]:
        """What is here. Raises BrokerUnavailable where the last pull did."""
        assert self._askers is not None
        if self._pulling is not None and self._pulling.done():
            ended, self._pulling = self._pulling, None
            self._pulled += ended.result()
        taken = self._askers.take(most)
        while self._pulled and len(taken) < most:
            taken.append(self._pulled.popleft())
        return taken

    async def _keep_pulled(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._pulled and now - self._kept_at > KEEP_SECONDS:
            await _keep(list(self._pulled))
        if not self._pulled or now - self._kept_at > KEEP_SECONDS:
            self._kept_at = now

    async def _leave(self) -> None:
        if self._pulling is not None:  # what it brings would be missed by the other gateways until its time is over
            await asyncio.wait({self._pulling}, timeout=PULL_SECONDS * 2)
            self._pulled += [] if self._pulling.exception() else self._pulling.result()
        client, self._nats = self._nats, None
        if client is None:
            return
        if client.is_connected:
            for message in self._pulled:
                await message.handle.nak()
            if self._askers is not None:
                await self._askers.send_all_away()
            await client.flush(2)
        self._pulled.clear()
        await client.close()


def _is_core(message: Message) -> bool:
    return message.identity.startswith("core-")


async def _keep(messages: Sequence[Message]) -> None:
    for message in messages:
        if not _is_core(message):
            await message.handle.in_progress()
