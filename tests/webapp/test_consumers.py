"""The results socket: who may open it, what it says first, and what it passes on."""

from __future__ import annotations

from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import Client

from classifier.live_updates import EVERYBODY
from classifier.models import Classifier
from classifier.owners import Owner, live_group
from tests.row_makers import upload
from tests.webapp.admin_site import answer_waiting
from tests.webapp.socket_calls import Socket, cookie_of, push, refusal, session_of, talk
from webapp.consumers import LOGIN_NEEDED, NOT_FOUND
from webapp.socket_topics import SNAPSHOT_IMAGES

pytestmark = pytest.mark.django_db
ME = Owner("visitor", "me")
FOREIGN_ORIGIN = 4403


@pytest.fixture(autouse=True)
def layer_in_memory(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {
        alias: {"BACKEND": "channels.layers.InMemoryChannelLayer"} for alias in ("default", "sending")
    }


async def first_frame(socket: Socket) -> Any:
    return await socket.read()


def test_the_first_frame_is_a_snapshot_of_ones_own_images(pets: Classifier) -> None:
    mine = [upload(seed, owner=ME).images[0] for seed in (1, 2)]
    upload(3, owner=Owner("visitor", "other"))
    frame = talk(first_frame, cookie=cookie_of("me"))
    assert frame["type"] == "snapshot"
    assert [item["id"] for item in frame["items"]] == [str(image.id) for image in reversed(mine)]
    assert all(item["version"] >= 1 for item in frame["items"])


def test_the_snapshot_is_bounded(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.socket_topics.SNAPSHOT_IMAGES", 2)
    for seed in range(3):
        upload(seed, owner=ME)
    assert len(talk(first_frame, cookie=cookie_of("me"))["items"]) == 2
    assert SNAPSHOT_IMAGES == 50


def test_a_socket_of_one_image_shows_that_one_only(pets: Classifier) -> None:
    upload(1, owner=ME)
    image = upload(2, owner=ME).images[0]
    frame = talk(first_frame, cookie=cookie_of("me"), query=f"?image={image.id}")
    assert [item["id"] for item in frame["items"]] == [str(image.id)]


@pytest.mark.parametrize("identifier", ["nonsense", "01a1fbed-5e5c-7c2d-854c-dd29f039aa02"])
def test_an_unknown_image_is_refused(identifier: str) -> None:
    assert refusal(cookie=cookie_of("me"), query=f"?image={identifier}") == NOT_FOUND


def test_a_strangers_image_is_refused_as_an_unknown_one(pets: Classifier) -> None:
    image = upload(1, owner=Owner("visitor", "other")).images[0]
    assert refusal(cookie=cookie_of("me"), query=f"?image={image.id}") == NOT_FOUND


def test_staff_who_may_look_follows_anybodys_image(pets: Classifier, client: Client) -> None:
    image = upload(1, owner=ME).images[0]
    user = User.objects.create_user("reviewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_image"))
    client.force_login(user)

    async def follow(socket: Socket) -> Any:
        await socket.read()
        await push(live_group(ME.key), {"type": "prediction", "item": {"id": str(image.id)}})
        return await socket.read()

    assert talk(follow, cookie=session_of(client), query=f"?image={image.id}")["item"]["id"] == str(image.id)


@pytest.mark.parametrize("cookie", ["", "whatsit_visitor=me:forged"])
def test_without_a_visitor_cookie_or_login_it_is_refused(cookie: str) -> None:
    assert refusal(cookie=cookie) == LOGIN_NEEDED


def test_visitors_are_refused_where_they_are_not_wanted(settings: Any) -> None:
    settings.ANONYMOUS_UPLOADS = False
    assert refusal(cookie=cookie_of("me")) == LOGIN_NEEDED


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "http://evil.test:8000",
        "http://whatsit.test",
        "http://whatsit.test:8001",
        "https://whatsit.test:8000",
        "http://whatsit.test:8000.evil.test",
        "http://evil.test/whatsit.test:8000",
    ],
)
def test_a_foreign_or_missing_origin_is_refused(origin: str | None) -> None:
    assert refusal(cookie=cookie_of("me"), origin=origin) == FOREIGN_ORIGIN


def test_a_host_that_is_not_ours_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["elsewhere.test"]
    assert refusal(cookie=cookie_of("me")) == FOREIGN_ORIGIN


def test_a_trusted_origin_of_the_settings_is_let_in(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://front.test"]
    assert talk(first_frame, cookie=cookie_of("me"), origin="https://front.test")["type"] == "snapshot"


def test_a_push_to_ones_group_arrives_event_by_event() -> None:
    events = [{"type": "prediction", "item": {"id": str(number)}} for number in range(2)]

    async def listen(socket: Socket) -> Any:
        await socket.read()
        await push(live_group(ME.key), *events)
        return [await socket.read(), await socket.read()]

    assert talk(listen, cookie=cookie_of("me")) == events


def test_a_push_to_somebody_else_does_not_arrive() -> None:
    async def listen(socket: Socket) -> Any:
        await socket.read()
        await push(live_group("visitor:other"), {"type": "prediction", "item": {"id": "theirs"}})
        await push(live_group(ME.key), {"type": "prediction", "item": {"id": "mine"}})
        return await socket.read()

    assert talk(listen, cookie=cookie_of("me"))["item"]["id"] == "mine"


def test_everybody_hears_of_a_new_live_version() -> None:
    event = {"type": "model", "classifier": "pets", "live": 2}

    async def listen(socket: Socket) -> Any:
        await socket.read()
        await push(EVERYBODY, event)
        return await socket.read()

    assert talk(listen, cookie=cookie_of("me")) == event


def test_a_socket_of_one_image_hears_of_no_other(pets: Classifier) -> None:
    image = upload(1, owner=ME).images[0]

    async def listen(socket: Socket) -> Any:
        await socket.read()
        events = [{"type": "prediction", "item": {"id": identifier}} for identifier in ("other", str(image.id))]
        await push(live_group(ME.key), *events)
        return await socket.read()

    answer = talk(listen, cookie=cookie_of("me"), query=f"?image={image.id}")
    assert answer["item"]["id"] == str(image.id)


def test_a_refresh_sends_todays_snapshot(pets: Classifier) -> None:
    async def refresh(socket: Socket) -> Any:
        before = await socket.read()
        await database_sync_to_async(change)()
        await socket.say('{"type": "refresh"}')
        return before, await socket.read()

    def change() -> None:
        upload(1, owner=ME)
        answer_waiting()

    before, after = talk(refresh, cookie=cookie_of("me"))
    assert before["items"] == []
    assert (after["type"], after["items"][0]["state"]) == ("snapshot", "done")


@pytest.mark.parametrize("text", ['{"type": "shout"}', "[]", "5", "null", "{", "", '{"type": ["refresh"]}'])
def test_an_unknown_message_is_answered_and_the_socket_stays(text: str) -> None:
    async def speak(socket: Socket) -> Any:
        await socket.read()
        await socket.say(text)
        error = await socket.read()
        await socket.say('{"type": "refresh"}')
        return error, await socket.read()

    error, after = talk(speak, cookie=cookie_of("me"))
    assert (error["type"], error["error"]["code"]) == ("error", "malformed_request")
    assert after["type"] == "snapshot"


def test_bytes_are_answered_and_the_socket_stays() -> None:
    async def speak(socket: Socket) -> Any:
        await socket.read()
        await socket.say(data=b"\x00\x01")
        return await socket.read()

    assert talk(speak, cookie=cookie_of("me"))["type"] == "error"
