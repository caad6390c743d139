"""The Channels layer of live messages: groups live in the process of their sockets, one Redis subscription feeds them.

Nothing in Redis remembers who listens, so nothing can forget it: a socket is deaf only while its process is, and then
it is told so.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4
from weakref import WeakValueDictionary

import structlog
from channels.layers import BaseChannelLayer
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeout

logger = structlog.get_logger(__name__)

Message = dict[str, Any]
MISSED: Final[Message] = {"type": "live.missed"}
"""Some messages did not arrive; they do again. Whoever shows rows reads them afresh."""
LOST: Final[Message] = {"type": "live.lost"}
"""No messages arrive for now."""
_LISTENER_SECONDS = 3.0


class LiveLayer(BaseChannelLayer):  # type: ignore[misc] # channels carries no types
    """One for each alias and process. Only the group calls of the Channels API are there, which is what sockets use."""

    extensions = ("groups",)

    def __init__(
        self,
        *,
        address: str,
        silence_seconds: float = 5.0,
        patience_seconds: float = 3.0,
        retry_seconds: float = 0.5,
        capacity: int = 500,
    ) -> None:
        """A connection is lost when Redis is silent for `silence_seconds` and does not answer for as long again.

        Sockets are told of the loss when it lasts longer than `patience_seconds`. A socket that is `capacity` messages
        behind has missed them.
        """
        super().__init__(capacity=capacity)
        self._address = address
        self._silence_seconds = silence_seconds
        self._patience_seconds = patience_seconds
        self._retry_seconds = retry_seconds
        # A queue lives as long as somebody waits for it or is in a group.
        self._queues: WeakValueDictionary[str, asyncio.Queue[Message]] = WeakValueDictionary()
        self._groups: dict[str, dict[str, asyncio.Queue[Message]]] = defaultdict(dict)
        self._hears = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sender: Redis | None = None

    async def new_channel(self, prefix: str = "specific") -> str:
        """A name for one socket."""
        return f"{prefix}.{uuid4().hex}"

    async def receive(self, channel: str) -> Message:
        """The socket's next message. Messages are shared between sockets: read them only."""
        return await self._queue(channel).get()

    async def group_add(self, group: str, channel: str) -> None:
        """From now on the socket hears the group. Waits for Redis, for ever: callers set the limit."""
        loop = asyncio.get_running_loop()
        if self._listener is None or self._listener.done() or self._listener.get_loop() is not loop:
            self._hears = asyncio.Event()
            self._listener = loop.create_task(self._listen())
        await self._hears.wait()
        self._groups[group][channel] = self._queue(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """The socket hears the group no longer."""
        members = self._groups.get(group, {})
        members.pop(channel, None)
        if not members:
            self._groups.pop(group, None)

    async def group_send(self, group: str, message: Message) -> None:
        """To everybody in the group, in all processes. Raises RedisError or OSError soon."""
        loop = asyncio.get_running_loop()
        if self._sender is None or self._loop is not loop:
            self._loop, self._sender = loop, _client(self._address, seconds=0.4, retries=1)
        await self._sender.publish(_topic(self._sender), f"{group}\n{json.dumps(message)}")

    def _queue(self, channel: str) -> asyncio.Queue[Message]:
        queue = self._queues.get(channel)
        if queue is None:
            queue = self._queues[channel] = asyncio.Queue(self.capacity)
        return queue

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        lost_at = loop.time()
        while True:
            try:
                await self._hear()
            except Exception as problem:  # noqa: BLE001 - whatever it was, a listener that ends leaves every socket deaf
                if self._hears.is_set():
                    self._hears.clear()
                    lost_at = loop.time()
                    logger.warning("live_messages_lost", error=repr(problem))
            if loop.time() - lost_at > self._patience_seconds:
                self._tell_all(LOST)
            await asyncio.sleep(self._retry_seconds * (0.5 + random.random()))  # noqa: S311 - spreads, hides nothing

    async def _hear(self) -> None:
        """Hand out what is published, until the connection is lost, which raises."""
        client = _client(self._address, seconds=_LISTENER_SECONDS, retries=0)
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(_topic(client))
            if await subscription.get_message(timeout=_LISTENER_SECONDS) is None:
                raise RedisTimeout("no answer to SUBSCRIBE")
            self._hears.set()
            self._tell_all(MISSED)  # members of now joined before the connection was lost
            while True:
                await self._hand_out(subscription)

    async def _hand_out(self, subscription: PubSub) -> None:
        heard = await subscription.get_message(timeout=self._silence_seconds)
        if heard is None:
            await subscription.ping()
            heard = await subscription.get_message(timeout=self._silence_seconds)
            if heard is None:
                raise RedisTimeout("no answer to PING")
        if heard["type"] != "message":
            return
        group, _, text = heard["data"].partition(b"\n")
        if members := self._groups.get(group.decode()):
            message = json.loads(text)
            for queue in members.values():
                _put(queue, message)

    def _tell_all(self, message: Message) -> None:
        queues = {channel: queue for members in self._groups.values() for channel, queue in members.items()}
        for queue in queues.values():
            _put(queue, message)


def _put(queue: asyncio.Queue[Message], message: Message) -> None:
    """Whoever is too far behind has missed the lot."""
    if queue.full():
        with suppress(asyncio.QueueEmpty):
            while True:
                queue.get_nowait()
        message = MISSED
    queue.put_nowait(message)


def _client(address: str, *, seconds: float, retries: int) -> Redis:
    """A timeout is never tried again: nobody may hang on a Redis that has gone mute."""
    again = Retry(NoBackoff(), retries, supported_errors=(RedisConnectionError,))
    return Redis.from_url(address, socket_timeout=seconds, socket_connect_timeout=seconds, retry=again)


def _topic(client: Redis) -> str:
    """Published messages know no databases, so installations that share a Redis differ by this name."""
    return f"whatsit.live.{client.connection_pool.connection_kwargs.get('db') or 0}"
