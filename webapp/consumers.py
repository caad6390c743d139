"""The results socket: subscribe first, then a snapshot with versions, then every change as it is pushed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from redis.exceptions import RedisError

from classifier.identifiers import parse_id
from classifier.import_jobs import active_imports, describe_import
from classifier.live_updates import EVERYBODY, IMPORTS
from classifier.models import Image
from classifier.owners import Owner, live_group
from classifier.presentation import ImageItem, describable, describe_image
from webapp.access import may_see_all_images, may_see_work

SNAPSHOT_IMAGES = 50
LOGIN_NEEDED, NOT_FOUND, RIGHTS_CHANGED, TOO_OLD, TRY_LATER = 4401, 4404, 4403, 4408, 4503
# The layer's receiving connections have no time limit of their own: a Redis that has gone mute would hold us for ever.
REDIS_SECONDS = 3.0


class ResultsConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc] # channels carries no types
    """`?image=<id>` narrows the socket to one image; `?imports=1` is for pages that watch imports, not images."""

    guard: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """However the socket ends, with its Redis for example, its guard ends as well."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.guard is not None:
                self.guard.cancel()

    async def connect(self) -> None:
        """Refuses strangers; joins the groups before it reads the rows, so that nothing falls between."""
        self.joined: list[str] = []
        self.only: str | None = None
        owner: Owner | None = self.scope["owner"]
        asked = parse_qs(self.scope["query_string"].decode("latin-1"))
        wanted, self.watches_imports = asked.get("image"), "imports" in asked
        if owner is None:
            await self.close(code=LOGIN_NEEDED)
            return
        owner_key = owner.key
        if wanted:
            found = await self._owner_of_image(wanted[0], owner)
            if found is None:
                await self.close(code=NOT_FOUND)
                return
            self.only, owner_key = str(parse_id(wanted[0])), found
        self.owner_key = owner_key
        if self.watches_imports and not self.scope["sees_work"]:
            await self.close(code=NOT_FOUND)
            return
        if not await self._join(IMPORTS if self.watches_imports else live_group(owner_key), EVERYBODY):
            await self.close(code=TRY_LATER)
            return
        await self.accept()
        self.guard = asyncio.create_task(self._watch_rights())
        await self._send_snapshot()

    async def disconnect(self, code: int) -> None:
        """Leaves the groups; a Redis that is gone has forgotten them anyway."""
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(REDIS_SECONDS):
                for group in getattr(self, "joined", []):
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
            if self.only is None or event.get("item", {}).get("id") == self.only:
                await self.send_json(event)

    async def _send_error(self, sentence: str) -> None:
        await self.send_json({"type": "error", "error": {"code": "malformed_request", "message": sentence}})

    async def _send_snapshot(self) -> None:
        if self.watches_imports:
            await self.send_json({"type": "snapshot", "imports": await self._read_imports()})
            return
        await self.send_json({"type": "snapshot", "items": await self._read_items()})

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _read_imports(self) -> list[dict[str, Any]]:
        return [describe_import(job) for job in active_imports()]

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _read_items(self) -> list[ImageItem]:
        images = Image.objects.filter(owner=self.owner_key)
        if self.only is not None:
            images = images.filter(id=self.only)
        return [describe_image(image) for image in describable(images).order_by("-id")[:SNAPSHOT_IMAGES]]

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _owner_of_image(self, text: str, owner: Owner) -> str | None:
        identifier = parse_id(text)
        if identifier is None:
            return None
        images = Image.objects.filter(id=identifier)
        if not self.scope["sees_all_images"]:
            images = images.filter(owner=owner.key)
        return images.values_list("owner", flat=True).first()

    async def _watch_rights(self) -> None:
        """Every SOCKET_RIGHTS_SECONDS look whether the login still holds; end before the group membership expires."""
        ends = asyncio.get_running_loop().time() + settings.SOCKET_LIFE_SECONDS
        while asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(settings.SOCKET_RIGHTS_SECONDS)
            try:
                allowed = await self._still_allowed()
            except (DatabaseError, InterfaceError):
                continue  # nobody's rights changed because the database is away; the next look will tell
            if not allowed:
                await self.close(code=RIGHTS_CHANGED)
                return
        await self.close(code=TOO_OLD)

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _still_allowed(self) -> bool:
        if not self.scope["user"].is_authenticated:
            return bool(settings.ANONYMOUS_UPLOADS)
        request = HttpRequest()
        request.session = SessionStore(self.scope["session"].session_key)
        user = get_user(request)
        if not user.is_authenticated or user.pk != self.scope["user"].pk:
            return False
        if self.watches_imports:
            return may_see_work(user)
        return self.owner_key == self.scope["owner"].key or may_see_all_images(user)
