"""The results socket while Redis or the database is away: nothing hangs, nothing is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from classifier.live_layer import LOST, MISSED
from classifier.live_updates import EVERYBODY
from classifier.models import Classifier
from classifier.owners import Owner
from tests.row_makers import upload
from tests.webapp.socket_calls import OWN_ORIGIN, Socket, cookie_of, push, refusal, session_of, talk
from webapp.consumers import RIGHTS_CHANGED, TRY_LATER

pytestmark = pytest.mark.django_db
LAYER = "channels.layers.InMemoryChannelLayer"


@pytest.fixture(autouse=True)
def layer_in_memory(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {alias: {"BACKEND": LAYER} for alias in ("default", "sending")}


async def lose_redis(*arguments: object) -> None:
    raise RedisConnectionError("gone")


async def hang(*arguments: object) -> None:
    await asyncio.sleep(3600)


def running_tasks() -> set[str]:
    return {str(task.get_coro()) for task in asyncio.all_tasks() if not task.done()}


def test_a_socket_that_breaks_off_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.consumers.ResultsConsumer.live_events", lose_redis)

    async def break_off() -> tuple[set[str], set[str]]:
        socket = Socket(cookie=cookie_of("me"), query="", origin=OWN_ORIGIN)
        await socket.open()
        await socket.read()
        during = running_tasks()
        await push(EVERYBODY)
        with pytest.raises(RedisConnectionError):
            await socket.leave()
        await asyncio.sleep(0)
        return during, running_tasks()

    during, after = async_to_sync(break_off)()
    assert any("_watch_rights" in task for task in during)
    assert not any("_watch_rights" in task for task in after)


def test_a_socket_that_breaks_off_is_in_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.consumers.ResultsConsumer.live_events", lose_redis)

    async def break_off() -> dict[str, Any]:
        socket = Socket(cookie=cookie_of("me"), query="", origin=OWN_ORIGIN)
        await socket.open()
        await socket.read()
        assert EVERYBODY in get_channel_layer().groups
        await push(EVERYBODY)
        with pytest.raises(RedisConnectionError):
            await socket.leave()
        groups: dict[str, Any] = get_channel_layer().groups
        return groups

    assert async_to_sync(break_off)() == {}


def test_a_socket_whose_messages_were_lost_sends_a_fresh_snapshot(pets: Classifier) -> None:
    async def miss(socket: Socket) -> Any:
        before = await socket.read()
        await database_sync_to_async(upload)(1, owner=Owner("visitor", "me"))
        await get_channel_layer().group_send(EVERYBODY, MISSED)
        return before, await socket.read()

    before, after = talk(miss, cookie=cookie_of("me"))
    assert before["items"] == []
    assert (after["type"], len(after["items"])) == ("snapshot", 1)


def test_a_socket_that_hears_nothing_for_longer_ends_and_may_be_tried_later() -> None:
    async def lose(socket: Socket) -> int:
        await socket.read()
        await get_channel_layer().group_send(EVERYBODY, LOST)
        return await socket.wait_for_close()

    assert talk(lose, cookie=cookie_of("me")) == TRY_LATER


@pytest.mark.parametrize("trouble", [lose_redis, hang])
def test_without_redis_the_socket_is_refused_soon(trouble: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.consumers.REDIS_SECONDS", 0.05)
    monkeypatch.setattr(f"{LAYER}.group_add", trouble)
    assert refusal(cookie=cookie_of("me")) == TRY_LATER


@pytest.mark.parametrize("trouble", [lose_redis, hang])
def test_a_socket_closes_quietly_without_redis(trouble: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.consumers.REDIS_SECONDS", 0.05)

    async def listen(socket: Socket) -> Any:
        frame = await socket.read()
        monkeypatch.setattr(f"{LAYER}.group_discard", trouble)
        return frame

    assert talk(listen, cookie=cookie_of("me"))["type"] == "snapshot"


def test_rights_are_looked_at_again_after_the_database_was_away(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SOCKET_RIGHTS_SECONDS = 0.05
    client.force_login(User.objects.create_user("person"))
    looks: list[object] = []

    def get_user(request: object) -> AnonymousUser:
        looks.append(request)
        if len(looks) == 1:
            raise OperationalError("away")
        return AnonymousUser()

    monkeypatch.setattr("webapp.consumers.get_user", get_user)

    async def wait(socket: Socket) -> int:
        return await socket.wait_for_close()

    assert talk(wait, cookie=session_of(client)) == RIGHTS_CHANGED
    assert len(looks) == 2
