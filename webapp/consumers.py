"""The results socket: subscribe first, then a snapshot with versions, then every change as it is pushed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from redis.exceptions import RedisError

from classifier.live_updates import LOGIN_CHANGED, login_group
from webapp.socket_topics import Topic, find_topic

LOGIN_NEEDED, NOT_FOUND, RIGHTS_CHANGED, TOO_OLD, TRY_LATER = 4401, 4404, 4403, 4408, 4503
# A layer without Redis waits longer than anybody who opens a page wants to.
REDIS_SECONDS = 3.0


class ResultsConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc] # channels carries no types
    """Without a query one's own images; `?image=<id>`, `?training=<id>` and `?imports=1` are the other topics."""

    guard: asyncio.Task[None] | None = None
    topic: Topic

    def __init__(self) -> None:
        super().__init__()
        self.joined: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """However the socket ends, its guard ends as well and no group holds it any longer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.guard is not None:
                self.guard.cancel()
            await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the base class, without its look at the database connections in another thread before each message."""
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Refuses strangers; joins the groups before it reads the rows, so that nothing falls between."""
        if self.scope["owner"] is None:
            await self.close(code=LOGIN_NEEDED)
            return
        topic = await self._find_topic()
        if topic is None:
            await self.close(code=NOT_FOUND)
            return
        self.topic = topic
        if not await self._join(*topic.groups, *self._login_groups()):
            await self.close(code=TRY_LATER)
            return
        await self.accept()
        self.guard = asyncio.create_task(self._watch_rights())
        await self._send_snapshot()

    def _login_groups(self) -> list[str]:
        return [login_group(self.scope["owner"].key)] if self.scope["user"].is_authenticated else []

    async def _leave(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(REDIS_SECONDS):
                for group in self.joined:
                    await self.channel_layer.group_discard(group, self.channel_name)

    async def _join(self, *groups: str) -> bool:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                for group in groups:
                    await self.channel_layer.group_add(group, self.channel_name)
                    self.joined.append(group)
        except (RedisError, OSError):
            return False
        return True

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """The only request is a fresh snapshot; anything else is answered with an error and the socket stays."""
        if isinstance(content, dict) and content.get("type") == "refresh":
            await self._send_snapshot()
            return
        await self._send_error("Unknown message. Send {“type”: “refresh”} for a fresh snapshot.")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """As the base class, but text that is no JSON is answered instead of ending the socket."""
        try:
            await super().receive(text_data=text_data, bytes_data=bytes_data, **kwargs)
        except ValueError:
            await self._send_error("This is not JSON.")

    async def live_events(self, message: dict[str, Any]) -> None:
        """One message of our groups: each event becomes one frame."""
        for event in message["events"]:
            if event["type"] == LOGIN_CHANGED:
                await self._close_unless_allowed()
            elif self.topic.concerns(event):
                await self.send_json(event)

    async def live_missed(self, message: dict[str, Any]) -> None:
        """Messages were lost on their way to us: the rows have what they said."""
        await self._send_snapshot()

    async def live_lost(self, message: dict[str, Any]) -> None:
        """None arrive for now: a page without a socket asks more often, and comes back."""
        await self.close(code=TRY_LATER)

    async def _send_error(self, sentence: str) -> None:
        await self.send_json({"type": "error", "error": {"code": "malformed_request", "message": sentence}})

    async def _send_snapshot(self) -> None:
        await self.send_json({"type": "snapshot", **await self._read_snapshot()})

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _read_snapshot(self) -> dict[str, Any]:
        return self.topic.read_snapshot()

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _find_topic(self) -> Topic | None:
        return find_topic(self.scope["query_string"].decode("latin-1"), self.scope["owner"], self.scope["user"])

    async def _watch_rights(self) -> None:
        """Every SOCKET_RIGHTS_SECONDS look whether the login still holds; end after SOCKET_LIFE_SECONDS."""
        ends = asyncio.get_running_loop().time() + settings.SOCKET_LIFE_SECONDS
        while asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(settings.SOCKET_RIGHTS_SECONDS)
            if not await self._close_unless_allowed():
                return
        await self.close(code=TOO_OLD)

    async def _close_unless_allowed(self) -> bool:
        try:
            if await self._still_allowed():
                return True
        except (DatabaseError, InterfaceError):
            return True  # nobody's rights changed because the database is away; the next look will tell
        await self.close(code=RIGHTS_CHANGED)
        return False

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _still_allowed(self) -> bool:
        viewer = self.scope["user"]
        if viewer.is_authenticated:
            request = HttpRequest()
            request.session = SessionStore(self.scope["session"].session_key)
            user = get_user(request)
            if not user.is_authenticated or user.pk != viewer.pk:
                return False
            viewer = user
        return self.topic.may_be_seen_by(viewer)
