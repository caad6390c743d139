"""How long an open socket lives: a logout, a new password, a barred person, a lost right, its own time."""

from __future__ import annotations

from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import Client

from classifier.models import Classifier
from classifier.owners import Owner
from tests.row_makers import upload
from tests.webapp.socket_calls import Socket, cookie_of, push, session_of, talk
from webapp.consumers import RIGHTS_CHANGED, TOO_OLD

pytestmark = pytest.mark.django_db
ME = Owner("visitor", "me")


@pytest.fixture(autouse=True)
def layer_in_memory(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {
        alias: {"BACKEND": "channels.layers.InMemoryChannelLayer"} for alias in ("default", "sending")
    }


def test_a_logout_is_noticed_where_nobody_told_the_socket(client: Client, settings: Any) -> None:
    settings.SOCKET_RIGHTS_SECONDS = 0.05
    client.force_login(User.objects.create_user("person"))

    async def leave(socket: Socket) -> int:
        await socket.read()
        await database_sync_to_async(client.logout)()
        return await socket.wait_for_close()

    assert talk(leave, cookie=session_of(client)) == RIGHTS_CHANGED


def relay_logins(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the views hand over for sending; the real sender has an event loop of its own."""
    told: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        "webapp.views.login.live_sender.send",
        lambda events: told.extend((group, event) for group, many in events.items() for event in many),
    )
    return told


@pytest.mark.parametrize("address", ["/logout/", "/admin/logout/"])
def test_asvs_v7_4_1_a_logout_closes_its_sockets_at_once(
    address: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = relay_logins(monkeypatch)
    client.force_login(User.objects.create_user("person"))

    async def leave(socket: Socket) -> int:
        await socket.read()
        await database_sync_to_async(client.post)(address)
        for group, event in told:
            await push(group, event)
        return await socket.wait_for_close()

    assert talk(leave, cookie=session_of(client)) == RIGHTS_CHANGED
    assert len(told) == 1


def test_the_sockets_of_ones_other_logins_stay_and_show_nothing_of_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, other = relay_logins(monkeypatch), Client()
    user = User.objects.create_user("person")
    client.force_login(user)
    other.force_login(user)

    async def stay(socket: Socket) -> Any:
        await socket.read()
        await database_sync_to_async(other.post)("/logout/")
        for group, event in told:
            await push(group, event)
        await socket.say('{"type": "refresh"}')
        return await socket.read()

    assert talk(stay, cookie=session_of(client))["type"] == "snapshot"


def test_asvs_v7_4_3_a_new_password_closes_the_sockets_of_other_sessions(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, other = relay_logins(monkeypatch), Client()
    user = User.objects.create_user("person", password="correct horse battery")
    client.force_login(user)
    other.force_login(user)
    words = {
        "old_password": "correct horse battery",
        **dict.fromkeys(("new_password1", "new_password2"), "a new 1 it is"),
    }

    async def change(socket: Socket) -> int:
        await socket.read()
        await database_sync_to_async(other.post)("/password/", words)
        for group, event in told:
            await push(group, event)
        return await socket.wait_for_close()

    assert talk(change, cookie=session_of(client)) == RIGHTS_CHANGED


def test_a_barred_user_loses_the_socket(client: Client, settings: Any) -> None:
    settings.SOCKET_RIGHTS_SECONDS = 0.05
    client.force_login(User.objects.create_user("person"))

    async def bar(socket: Socket) -> int:
        await socket.read()
        await database_sync_to_async(User.objects.update)(is_active=False)
        return await socket.wait_for_close()

    assert talk(bar, cookie=session_of(client)) == RIGHTS_CHANGED


def test_a_socket_ends_before_its_groups_expire(settings: Any) -> None:
    settings.SOCKET_RIGHTS_SECONDS = 0.05
    settings.SOCKET_LIFE_SECONDS = 0.01

    async def outlive(socket: Socket) -> int:
        return await socket.wait_for_close()

    assert talk(outlive, cookie=cookie_of("me")) == TOO_OLD


def test_staff_that_lost_its_right_loses_the_socket_of_somebody_elses_image(
    pets: Classifier, client: Client, settings: Any
) -> None:
    settings.SOCKET_RIGHTS_SECONDS = 0.05
    image = upload(1, owner=ME).images[0]
    user = User.objects.create_user("reviewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_image"))
    client.force_login(user)

    async def demote(socket: Socket) -> int:
        await socket.read()
        await database_sync_to_async(user.user_permissions.clear)()
        return await socket.wait_for_close()

    assert talk(demote, cookie=session_of(client), query=f"?image={image.id}") == RIGHTS_CHANGED
